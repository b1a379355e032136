"""A command of the command line: its flags, its help, and what it runs."""

import dataclasses
import difflib
import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from absl import flags

PROGRAM = "keras-contrastive"
_WIDTH = 88
# Longer lists of choices would hide the flag that they belong to.
_LONGEST_CHOICES = 60


@dataclasses.dataclass(frozen=True)
class Command:
    """One word after the program's name.

    Attributes:
        name: The word.
        summary: One line.
        define: Defines the command's flags on the `FlagValues` that it is given.
        run: Runs the command with the flags' values by name.
        operands: What the words are called that stand without a flag, such as "RUN";
            None for none. They are in the values as "operands".
        headings: What stands above a group of flags in the help, by its first flag.
        closing: Returns what stands at the end of the help.
    """

    name: str
    summary: str
    define: Callable[[flags.FlagValues], None]
    run: Callable[[dict[str, Any]], None]
    operands: str | None = None
    headings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    closing: Callable[[], str] = str

    def __call__(self, arguments: Sequence[str]) -> int:
        """Parses the arguments and runs; returns the exit status.

        0 when it ran or printed its help, 1 when files could not be read or written,
        2 for arguments that cannot be used.
        """
        # Flags of its own, so that no other program's flags are in the way.
        values = flags.FlagValues()
        self.define(values)
        if any(x in ("--help", "-h", "--helpshort", "help") for x in arguments):
            print(self.help(values))
            return 0
        try:
            left = values([self.name, *arguments])[1:]
            if left and not self.operands:
                raise ValueError(
                    f"Flags must read --name=value. Received: {' '.join(left)}"
                )
            given = {name: values[name].value for name in values}
            given["explicit"] = {n for n in values if values[n].present}
            given["operands"] = left
            self.run(given)
        except (
            flags.Error,
            ValueError,
            TypeError,
            FileNotFoundError,
            FileExistsError,
            PermissionError,
        ) as error:
            print(
                f"{PROGRAM} {self.name}: {_as_flags(error, set(values))}",
                file=sys.stderr,
            )
            print(f"Try: {PROGRAM} {self.name} --help", file=sys.stderr)
            return 2
        except OSError as error:
            # A full disk, a folder that is read-only: no fault of the arguments.
            print(f"{PROGRAM} {self.name}: {error}", file=sys.stderr)
            return 1
        return 0

    def help(self, values: flags.FlagValues) -> str:
        """Returns the help of the command, one flag a paragraph."""
        usage = f"usage: {PROGRAM} {self.name} [--flag=value ...]"
        if self.operands:
            usage += f" {self.operands} [{self.operands} ...]"
        lines = [self.summary, "", usage]
        for name in values:
            if name in self.headings:
                lines += ["", self.headings[name]]
            flag, words = values[name], values[name].help
            choices = "|".join(getattr(flag.parser, "enum_values", None) or [])
            if choices:
                # absl repeats them there.
                words = words.removeprefix(f"<{choices}>: ")
            default = "" if flag.default is None else f" [{flag.default_as_str}]"
            if choices and len(choices) <= _LONGEST_CHOICES:
                kind = f"={choices}"
            else:
                kind = "" if flag.boolean else "=" + name.split("_")[-1].upper()
            lines += ["", f"  --{name}{kind}{default.replace(chr(39), '')}"]
            indent = " " * 6
            lines += textwrap.wrap(
                words, _WIDTH, initial_indent=indent, subsequent_indent=indent
            )
        if closing := self.closing():
            lines += ["", closing]
        return "\n".join(lines)


def _close(words: str) -> str:
    """Returns a hint where absl's words are of a value that is none of the choices."""
    found = re.match(r"flag --\w+=(.*): value should be one of <(.*)>", words)
    if not found:
        return ""
    close = difflib.get_close_matches(found[1], found[2].split("|"), 1)
    return f"; close to it: {close[0]}" if close else ""


def _as_flags(error: Exception, names: Set[str]) -> str:
    """Returns an error's words, an argument that is a flag written as one."""
    words = str(error).strip()
    if isinstance(error, flags.Error):
        return words + _close(words)
    head, tick, rest = words.partition("`")
    name, tock, tail = rest.partition("`")
    if tick and tock and not head and name in names:
        return f"--{name}{tail}"
    return words
