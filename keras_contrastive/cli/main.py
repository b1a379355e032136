"""Entry point: `keras-contrastive COMMAND [--flag=value ...]`."""

import difflib
import importlib
import sys
from collections.abc import Sequence

from absl import logging

from keras_contrastive._version import __version__
from keras_contrastive.cli import log_filter

_COMMANDS = {
    "pretrain": "learn features from images, most methods without labels",
    "evaluate": "say what exported features are worth with few labels",
    "finetune": "train a classifier from exported features",
    "plot": "show a run, or several side by side, on one HTML page",
}


def main(arguments: Sequence[str]) -> int:
    """Runs one command.

    Args:
        arguments: What stands after the program's name.

    Returns:
        The exit status: 0, or 2 for arguments that cannot be used.
    """
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        print(_help())
        return 0
    if arguments[0] == "--version":
        print(f"keras-contrastive {__version__}")
        return 0
    name, *rest = arguments
    if name not in _COMMANDS:
        close = difflib.get_close_matches(name, _COMMANDS, 1)
        hint = f"; close to it: {close[0]}" if close else ""
        print(
            f"keras-contrastive: the command must be one of {', '.join(_COMMANDS)}"
            f"{hint}. Received: {name!r}",
            file=sys.stderr,
        )
        return 2
    # TensorFlow is imported here and not before: help and a misspelt command come at
    # once, and loaders know every class that is registered.
    importlib.import_module("keras_contrastive._rooms")
    # What tfds says about itself is not for the user of a command.
    logging.set_verbosity(logging.ERROR)
    # A room at a time: a command imports what it needs and no more.
    if name == "pretrain":
        from keras_contrastive.cli.pretrain import COMMAND
    elif name == "evaluate":
        from keras_contrastive.cli.evaluate import COMMAND
    elif name == "plot":
        from keras_contrastive.cli.plot import COMMAND
    else:
        from keras_contrastive.cli.finetune import COMMAND
    return COMMAND(rest)


def run() -> None:
    """Runs the command line of this process and exits."""
    if sys.argv[1:2] and sys.argv[1] in _COMMANDS:
        log_filter.install()
    sys.exit(main(sys.argv[1:]))


def _help() -> str:
    lines = [
        "Contrastive learning as energy-based learning, for Keras 3 and TensorFlow.",
        "",
        "usage: keras-contrastive COMMAND [--flag=value ...]",
        "",
    ]
    lines += [f"  {name:10} {summary}" for name, summary in _COMMANDS.items()]
    lines += ["", "keras-contrastive COMMAND --help lists the flags of a command."]
    return "\n".join(lines)
