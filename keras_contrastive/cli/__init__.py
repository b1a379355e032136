"""The command line: absl flags to plain arguments; nothing else reads flags."""
