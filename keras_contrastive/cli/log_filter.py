"""Keeps TensorFlow's log off the screen, so that a command prints its own words.

TensorFlow 2.21 takes no heed of TF_CPP_MIN_LOG_LEVEL: the notes of its C++ come in any
case, straight to the file descriptor of standard error. A process of its own reads
them, so that what TensorFlow says when it aborts still comes through.
"""

import os
import re
import subprocess
import sys
from typing import BinaryIO

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# Notes and warnings, as absl and as older TensorFlow mark them; two lines without a
# mark; and an error that says no more than that there is no GPU.
_NOISE = re.compile(
    rb"[IW]\d{4} [\d:.]+ +\d+ \S+:\d+\] "
    rb"|\d{4}-\d\d-\d\d [\d:.]+: [IW] \S+:\d+\] "
    rb"|WARNING: All log messages before absl::InitializeLog"
    rb"|To enable the following instructions: "
    rb"|E\d{4} [\d:.]+ +\d+ \S+:\d+\] failed call to cuInit"
)


def install() -> None:
    """Leaves out notes and warnings of TensorFlow's from now on.

    Python's own words go past the filter. Nothing is left out where the user has set
    `TF_CPP_MIN_LOG_LEVEL`.
    """
    if LEVEL in os.environ:
        return
    # By path: as a module it would import the package. In a session of its own, for
    # an interrupt is not meant for it; it ends with the last that writes to it.
    reader = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    os.dup2(reader.stdin.fileno(), 2)
    reader.stdin.close()
    # Nobody waits for it, and Python would remark on that.
    reader.returncode = 0


def copy(source: BinaryIO, target: BinaryIO) -> None:
    """Copies lines, without TensorFlow's notes and warnings, to the end of the source.

    Args:
        source: What is written to standard error.
        target: Where it goes.
    """
    for line in source:
        if not _NOISE.match(line):
            target.write(line)
            target.flush()


if __name__ == "__main__":
    copy(sys.stdin.buffer, sys.stderr.buffer)
