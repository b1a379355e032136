"""The same command on two workers is one run, in one folder."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.cli.run_folder import RunFolder
from tests.distributed.survivor import free_ports


@pytest.mark.slow
def test_two_workers_pretrain_in_one_folder(tmp_path):
    # Prepared before, for two who prepare it at once would be in each other's way.
    kc.data.load("contrastive_digits", "train", str(tmp_path / "data"))
    workers = [f"localhost:{port}" for port in free_ports(2)]
    flags = [
        f"--data_dir={tmp_path / 'data'}",
        f"--output_dir={tmp_path / 'run'}",
        "--strategy=multiworker",
        "--global_batch_size=256",
        "--epochs=2",
        "--evaluate_images=0",
        "--tensorboard",
    ]
    processes = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": workers}, "task": task})
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "keras_contrastive", "pretrain", *flags],
                env={**os.environ, "TF_CONFIG": config},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    printed = [process.communicate(timeout=500)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], printed
    assert "worker 0 of 2 (the chief, which writes)" in printed[0]
    folder = RunFolder(tmp_path / "run")
    assert folder.read_history()["epoch"] == [1, 2]
    assert np.isfinite(folder.read_history()["alignment"]).all()
    assert list(kc.callbacks.read_pairs(folder.pairs)) == [0, 1, 2]
    assert (folder.path / "tensorboard" / "train").is_dir()
    assert not folder.unfinished
    assert folder.encoder.is_dir()
