"""How long a command line takes to begin: help, a refusal, the first training step.

    python examples/benchmarks/startup.py

Each is a process of its own, timed from its start: to its end, or, of `pretrain` on the
digits, to the progress bar's first step. The commands take turns, so that what else the
machine does falls on all of them alike; the median of the repeats is printed.
"""

import argparse
import functools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from turns import head, row, take_turns

PROGRAM = [sys.executable, "-m", "keras_contrastive"]
# The progress bar behind its colours: steps of all steps.
FIRST_STEP = re.compile(r"\d+/\d+\x1b")
# What is run -> its arguments, and what the time is up at; None for the end.
COMMANDS = {
    "--version": (["--version"], None),
    "--help": (["--help"], None),
    "a misspelt command": (["pretrian"], None),
    "pretrain --help": (["pretrain", "--help"], None),
    "a misspelt flag": (["pretrain", "--epoch=3"], None),
    "pretrain, first step": (["pretrain"], FIRST_STEP),
}


def seconds(arguments, mark):
    """Returns the time from the start of a command to its end, or to a mark."""
    with tempfile.TemporaryDirectory() as folder:
        # Imported from where this process would import it.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        begun = time.perf_counter()
        with subprocess.Popen(
            PROGRAM + arguments,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            text = ""
            # The bar stays on one line: characters, and not lines, are waited for.
            while part := process.stdout.read1(4096):
                text += part.decode(errors="replace")
                if mark and mark.search(text):
                    took = time.perf_counter() - begun
                    process.kill()
                    return took
    if mark:
        raise RuntimeError(f"It never came to its first step. Received:\n{text}")
    return time.perf_counter() - begun


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=COMMANDS, default=COMMANDS)
    options = parser.parse_args()
    sides = {n: functools.partial(seconds, *COMMANDS[n]) for n in options.only}
    times = take_turns(sides, options.repeats)
    print(head("keras-contrastive", "seconds, median", "least to most"))
    for name, taken in times.items():
        reach = f"{min(taken):.2f} to {max(taken):.2f}"
        print(row(name, f"{statistics.median(taken):.2f}", reach))


if __name__ == "__main__":
    main()
