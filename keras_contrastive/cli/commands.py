"""A command of the command line: its flags, its help, and what it runs."""

import dataclasses
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags

PROGRAM = "keras-contrastive"


@dataclasses.dataclass(frozen=True)
class Command:
    """One word after the program's name.

    Attributes:
        name: The word.
        summary: One line.
        define: Defines the command's flags on the `FlagValues` that it is given.
        run: Runs the command with the flags' values by name.
    """

    name: str
    summary: str
    define: Callable[[flags.FlagValues], None]
    run: Callable[[dict[str, Any]], None]

    def __call__(self, arguments: Sequence[str]) -> int:
        """Parses the arguments and runs; returns the exit status.

        0 when it ran or printed its help, 2 for arguments that cannot be used.
        """
        # Flags of its own, so that no other program's flags are in the way.
        values = flags.FlagValues()
        self.define(values)
        if any(x in ("--help", "-h", "--helpshort", "help") for x in arguments):
            print(self.help(values))
            return 0
        try:
            left = values([self.name, *arguments])[1:]
            if left:
                raise ValueError(
                    f"Flags must read --name=value. Received: {' '.join(left)}"
                )
            given = {name: values[name].value for name in values}
            given["explicit"] = {n for n in values if values[n].present}
            self.run(given)
        except (
            flags.Error,
            ValueError,
            TypeError,
            FileNotFoundError,
            FileExistsError,
            PermissionError,
        ) as error:
            print(f"{PROGRAM} {self.name}: {_as_flags(error)}", file=sys.stderr)
            print(f"Try: {PROGRAM} {self.name} --help", file=sys.stderr)
            return 2
        return 0

    def help(self, values: flags.FlagValues) -> str:
        """Returns the help of the command, one flag a paragraph."""
        lines = [self.summary, "", f"usage: {PROGRAM} {self.name} [--flag=value ...]"]
        for name in values:
            flag = values[name]
            choices = getattr(flag.parser, "enum_values", None)
            default = "" if flag.default is None else f" [{flag.default_as_str}]"
            kind = f"={'|'.join(choices)}" if choices else ""
            if not flag.boolean and not choices:
                kind = "=" + name.split("_")[-1].upper()
            lines += ["", f"  --{name}{kind}{default.replace(chr(39), '')}"]
            indent = " " * 6
            lines += textwrap.wrap(
                flag.help, 80, initial_indent=indent, subsequent_indent=indent
            )
        return "\n".join(lines)


def _as_flags(error: Exception) -> str:
    """Returns an error's words, the arguments in them written as flags."""
    words = str(error).strip()
    if isinstance(error, flags.Error):
        return words
    head, tick, rest = words.partition("`")
    name, tock, tail = rest.partition("`")
    if tick and tock and not head and name.isidentifier():
        return f"--{name}{tail}"
    return words
