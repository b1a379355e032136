"""Four logical devices, and two real processes, end where one device does.

One process of each kind walks over the models, because starting TensorFlow takes longer
than training most of them. Two devices are among the contracts.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.contracts import energy_zoo, zoo
from tests.distributed.survivor import free_ports

# PIRL: its ids come to the gather straight from the dataset. MoCo: its keys are
# shuffled across the replicas, and wrap in the queue. An energy, on points.
QUICK = ("PIRL", "MoCo", "Pseudo-likelihood")
OTHERS = tuple(x for x in (*zoo.MODELS, *energy_zoo.MODELS) if x not in QUICK)
_SECONDS = 1500


def start(mode, out, names, **environment):
    command = [sys.executable, "-m", "tests.distributed.worker", mode, str(out)]
    with open(out / f"{mode}{len(list(out.iterdir()))}.log", "w") as log:
        return subprocess.Popen(
            [*command, *names],
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def finish(process, out):
    code = process.wait(_SECONDS)
    printed = "\n".join(path.read_text() for path in out.glob("*.log"))
    assert code == 0, printed


def pair(out, names):
    """Starts two workers."""
    workers = [f"localhost:{port}" for port in free_ports(2)]
    tasks = [{"type": "worker", "index": index} for index in range(2)]
    configs = [{"cluster": {"worker": workers}, "task": task} for task in tasks]
    return [
        start("multiworker", out, names, TF_CONFIG=json.dumps(config))
        for config in configs
    ]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(QUICK, id="quick"),
        pytest.param(OTHERS, id="others", marks=pytest.mark.slow),
    ],
)
def names(request):
    return request.param


@pytest.fixture(scope="module")
def alone(names, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone")
    finish(start("default", out, names), out)
    return dict(np.load(out / "default-0.npz"))


def assert_equal(path, alone, replicas):
    ours = dict(np.load(path))
    assert ours.pop("replicas") == replicas
    theirs = {key: value for key, value in alone.items() if key != "replicas"}
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        if key.split(":")[0] in energy_zoo.WITH_OWN_NOISE:
            assert ours[key].shape == value.shape, key
            assert np.isfinite(ours[key]).all() or not np.isfinite(value).all(), key
        else:
            np.testing.assert_allclose(
                ours[key], value, rtol=1e-5, atol=1e-5, err_msg=key
            )


@pytest.mark.timeout(_SECONDS)
def test_four_replicas_equal_one(names, alone, tmp_path):
    finish(start("mirrored4", tmp_path, names), tmp_path)
    assert_equal(tmp_path / "mirrored4-0.npz", alone, 4)


@pytest.mark.timeout(_SECONDS)
def test_two_processes_equal_one_and_only_the_chief_writes(names, alone, tmp_path):
    for process in pair(tmp_path, names):
        finish(process, tmp_path)
    for index in range(2):
        assert_equal(tmp_path / f"multiworker-{index}.npz", alone, 2)
    first, second = (dict(np.load(tmp_path / f"multiworker-{i}.npz")) for i in (0, 1))
    for key, value in first.items():
        if ": weight" in key or ": saved" in key:
            np.testing.assert_array_equal(value, second[key], err_msg=key)
    logs = [path.read_text() for path in tmp_path.glob("*.log")]
    for role in ("worker 0 of 2 (the chief", "worker 1 of 2 (not the chief)"):
        assert any(f"multiworker: {role}" in log for log in logs)
    for number in range(len(names)):
        folder = tmp_path / "multiworker" / str(number)
        # A row an epoch and not two, and nothing half-written beside the model.
        assert len((folder / "history.csv").read_text().splitlines()) == 1 + 2
        left = {path.name for path in folder.iterdir()} - {"board"}
        assert left == {"history.csv", "best.keras"}
