"""SIGKILL at random points, again and again: the end is that of an undisturbed run."""

import random
import time

import numpy as np
import pytest

from tests.distributed.survivor import EPOCHS, STEPS, Run

# Each keeps something else: augmentation's step, a queue and a key encoder, a bank,
# a support set, particles.
NAMES = ("SimCLR on images", "MoCo", "PIRL on views", "NNCLR", "Persistent")
KILLS, PAIR_KILLS = 3, 3
# From the death of a worker to the end of the other.
BOUND = 60


def kill_at_random(run, generator):
    """Kills a worker somewhere on its way, half of the times as it begins to save."""
    worker = generator.randrange(len(run.processes))
    if generator.random() < 0.5:
        run.wait_for_save(worker)
    else:
        run.wait_for(worker, generator.randrange(1, EPOCHS * STEPS))
    time.sleep(generator.uniform(0, 0.1))
    run.processes[worker].kill()
    return worker


def assert_same_end(folder, other):
    ours, theirs = (dict(np.load(x / "end.npz")) for x in (folder, other))
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        np.testing.assert_array_equal(ours[key], value, err_msg=key)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_killed_again_and_again_ends_the_same(name, tmp_path):
    whole = Run(name, tmp_path / "whole")
    assert whole.finish() == [0], whole.printed()
    generator = random.Random(name)
    for _ in range(KILLS):
        run = Run(name, tmp_path / "killed")
        kill_at_random(run, generator)
        assert run.finish()[0] in (-9, 0), run.printed()
    run = Run(name, tmp_path / "killed")
    assert run.finish() == [0], run.printed()
    assert_same_end(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", ["MoCo", "Pseudo-likelihood"])
def test_a_worker_that_dies_ends_the_other_and_the_pair_goes_on(name, tmp_path):
    whole = Run(name, tmp_path / "whole", workers=2)
    assert whole.finish() == [0, 0], whole.printed()
    generator = random.Random(name)
    for _ in range(PAIR_KILLS):
        run = Run(name, tmp_path / "killed", workers=2)
        dead = kill_at_random(run, generator)
        begun = time.monotonic()
        code = run.finish(BOUND)[1 - dead]
        assert time.monotonic() - begun < BOUND
        finished = run.counts[dead].value % 1000 >= EPOCHS * STEPS
        assert code not in (None, 0) or finished, run.printed()
        if code == 1:
            assert "Another worker is gone" in run.logs[1 - dead].read_text()
    run = Run(name, tmp_path / "killed", workers=2)
    assert run.finish() == [0, 0], run.printed()
    assert_same_end(tmp_path / "killed", tmp_path / "whole")
