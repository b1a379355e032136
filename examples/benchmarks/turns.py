"""Sides of a comparison that take turns, and the tables of what they reached.

A side in another environment is a process that lives through the whole run and sleeps
until a line tells it to do a turn, so no turn pays for a start, and what else the
machine does weighs on all sides alike.
"""

import json
import os
import subprocess

import numpy as np


class Peer:
    """A process that answers each line of JSON with another.

    Args:
        command: Program and arguments. Its first line of output says that it is ready.

    Attributes:
        settings: That first line.
    """

    def __init__(self, command):
        # Idle threads that spin would take a core from the side whose turn it is.
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(list(command), env=environment, **pipes)
        self.settings = self._answer()

    def ask(self, what):
        """Sends `what` and waits for the answer."""
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self):
        """Ends it."""
        self.process.stdin.close()
        self.process.wait()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"The peer ended: exit status {self.process.wait()}.")
        return json.loads(line)


def take_turns(sides, turns):
    """Lets every side run `turns` times, each turn begun by another of them.

    Args:
        sides: Name -> function that runs once and returns a rate.
        turns: Number of turns.

    Returns:
        Name -> rates, `(turns,)`.
    """
    names, rates = list(sides), {name: [] for name in sides}
    for turn in range(turns):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            rates[name].append(sides[name]())
    return {name: np.array(values) for name, values in rates.items()}


def spread(values, form=",.0f"):
    """Returns "median (lowest to highest)" of numbers."""
    median, low, high = (
        format(float(x), form) for x in (np.median(values), min(values), max(values))
    )
    return f"{median} ({low} to {high})"


def row(*cells):
    """Returns a row of a table in Markdown."""
    return f"| {' | '.join(map(str, cells))} |"


def head(*names, texts=1):
    """Returns the two lines above a table's rows, the first `texts` columns of text."""
    lines = ["---" if n < texts else "---:" for n in range(len(names))]
    return row(*names) + "\n" + row(*lines)
