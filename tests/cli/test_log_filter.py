"""What is left out of standard error, and what must come through."""

import io
import os
import pathlib
import subprocess
import sys

import pytest

from keras_contrastive.cli import log_filter

NOISE = [
    b"WARNING: All log messages before absl::InitializeLog() is called are written to "
    b"STDERR\n",
    b"I0000 00:00:1795848618.975614   27426 port.cc:153] oneDNN custom operations\n",
    b"W0000 00:00:1795848618.975614   27426 some.cc:1] something\n",
    b"2025-09-17 14:44:05.157831: I external/xla/cudart_stub.cc:32] Could not find\n",
    b"To enable the following instructions: AVX2 FMA, in other operations, rebuild\n",
    b"E0000 00:00:1795848513.649272   26764 cuda_platform.cc:52] failed call to cuInit:"
    b" INTERNAL: CUDA error\n",
]
WORDS = [
    b"E0000 00:00:1795848513.649272   26764 allocator.cc:52] out of memory\n",
    b"F0000 00:00:1795848513.649272   26764 check.cc:52] Check failed\n",
    b"2025-09-17 14:44:05.157831: E external/xla/gpu.cc:32] out of memory\n",
    b"Traceback (most recent call last):\n",
    b"I say: port.cc:153] is no note\n",
    b"no end of line",
]


@pytest.mark.parametrize("line", NOISE)
def test_notes_and_warnings_are_left_out(line):
    target = io.BytesIO()
    log_filter.copy(io.BytesIO(line), target)
    assert target.getvalue() == b""


def test_errors_and_other_words_come_through_in_their_order():
    target = io.BytesIO()
    mixed = [line for pair in zip(NOISE, WORDS, strict=True) for line in pair]
    log_filter.copy(io.BytesIO(b"".join(mixed)), target)
    assert target.getvalue() == b"".join(WORDS)


def printed(end, **environment):
    """What reaches standard error of a process that has installed the filter."""
    code = (
        "import os, sys, runpy; "
        f"installed = runpy.run_path({log_filter.__file__!r})['install'](); "
        f"os.write(2, {NOISE[1]!r}); os.write(2, b'from C++\\n'); {end}"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "", **environment},
    )
    return run.returncode, run.stderr


def test_a_process_leaves_them_out_and_still_says_why_it_died():
    code, words = printed("print('own words', file=sys.stderr); raise SystemExit(3)")
    assert code == 3
    assert sorted(words.splitlines()) == ["from C++", "own words"]
    code, words = printed("os.abort()")
    assert code < 0
    assert words == "from C++\n"


def test_whoever_sets_the_level_sees_all():
    words = printed("pass", TF_CPP_MIN_LOG_LEVEL="0")[1]
    assert words == NOISE[1].decode() + "from C++\n"


@pytest.mark.slow
def test_a_command_prints_its_own_words_alone(tmp_path):
    root = pathlib.Path(__file__).parents[2]
    environment = {x: y for x, y in os.environ.items() if x != log_filter.LEVEL}
    run = subprocess.run(
        [sys.executable, "-m", "keras_contrastive", "pretrain", "--dataset=cifar11"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(root)},
    )
    first, second = run.stderr.splitlines()
    assert first.startswith("keras-contrastive pretrain: ")
    assert second.startswith("Try: ")
