"""Four logical devices, and two real processes, end where one device does."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

# PIRL, too: its ids come to the gather straight from the dataset. And MoCo: its keys
# are shuffled across the replicas, and wrap in the queue.
NAMES = ("SimCLR", "PIRL", "MoCo")


def start(mode, name, out, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.distributed.worker", mode, name, str(out)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process):
    printed = process.communicate(timeout=300)[0]
    assert process.returncode == 0, printed


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def alone(name, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "out.npz"
    finish(start("default", name, out))
    return dict(np.load(out))


def assert_equal(out, alone, replicas):
    ours = dict(np.load(out))
    assert ours.pop("replicas") == replicas
    assert ours.keys() == alone.keys() - {"replicas"}
    for key, value in ours.items():
        np.testing.assert_allclose(value, alone[key], rtol=0, atol=1e-5, err_msg=key)


def test_four_replicas_equal_one(name, alone, tmp_path):
    finish(start("mirrored4", name, tmp_path / "out.npz"))
    assert_equal(tmp_path / "out.npz", alone, 4)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def test_two_processes_equal_one(name, alone, tmp_path):
    workers = [f"localhost:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
        cluster = {
            "cluster": {"worker": workers},
            "task": {"type": "worker", "index": index},
        }
        out = tmp_path / f"out{index}.npz"
        processes.append(start("multiworker", name, out, TF_CONFIG=json.dumps(cluster)))
    for process in processes:
        finish(process)
    for index in range(2):
        assert_equal(tmp_path / f"out{index}.npz", alone, 2)
