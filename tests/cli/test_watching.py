"""What watches a run: its warnings reach the user, and TensorBoard shows it."""

import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request
import warnings

import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.callbacks import CollapseWarning, representation_monitor
from keras_contrastive.callbacks.tensor_board import view_grid
from keras_contrastive.cli import pretrain, watching
from keras_contrastive.cli.main import main
from keras_contrastive.cli.run_folder import RunFolder

SHORT = ["pretrain", "--epochs=2", "--evaluate_images=0"]


@pytest.fixture
def bare(monkeypatch):
    """A run without what it leaves for its readers."""
    monkeypatch.setattr(pretrain.export, "export_encoder", lambda *_: None)
    monkeypatch.setattr(pretrain, "draw", lambda *_: None)


def test_a_collapse_is_told_and_other_warnings_are_as_they_were(capsys):
    with watching.collapse_told():
        for _ in range(2):
            warnings.warn("all is one point", CollapseWarning, stacklevel=1)
        with pytest.raises(UserWarning, match="other"):
            warnings.warn("other", stacklevel=1)
    assert capsys.readouterr().err == "\nall is one point\n" * 2
    with pytest.raises(CollapseWarning):
        warnings.warn("again", CollapseWarning, stacklevel=1)


def test_a_run_that_collapses_says_so_and_goes_on(
    data, tmp_path, monkeypatch, capsys, bare
):
    found = ("complete", "Complete collapse, it seems.")
    monkeypatch.setattr(representation_monitor, "diagnose", lambda _: found)
    assert main([*SHORT, f"--output_dir={tmp_path / 'run'}"]) == 0
    err = capsys.readouterr().err
    assert err.count(found[1]) == 1
    assert ".py" not in err


def test_without_tensorboard_the_flag_is_refused(data, monkeypatch, capsys):
    monkeypatch.setattr(watching.importlib.util, "find_spec", lambda _: None)
    assert main([*SHORT, "--tensorboard"]) == 2
    assert "--tensorboard must be installed" in capsys.readouterr().err


@pytest.fixture
def served():
    """Starts a TensorBoard over a folder; returns what reads from it by address."""
    started = []

    def start(folder):
        command = [sys.executable, "-m", "tensorboard.main", f"--logdir={folder}"]
        process = subprocess.Popen(
            [*command, "--port=0", "--load_fast=false"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        said = []
        for line in process.stdout:
            said.append(line)
            if address := re.search(r"http://localhost:\d+/", line):
                break
        else:
            raise AssertionError("".join(said))
        # Of this machine, whatever proxy there is for others.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        def get(path, **query):
            url = f"{address.group()}data/plugin/{path}?{urllib.parse.urlencode(query)}"
            with opener.open(url, timeout=30) as answer:
                return answer.read()

        return get

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=30)


def test_tensorboard_shows_curves_and_views(data, tmp_path, served, bare):
    pytest.importorskip("tensorboard")
    folder = RunFolder(tmp_path / "run")
    flags = ["--tensorboard", "--knn_every=3", "--epochs=3"]
    assert main([*SHORT, *flags, f"--output_dir={folder.path}"]) == 0
    get = served(folder.path / "tensorboard")

    history = folder.read_history()
    for name in ("loss", "knn_accuracy", "alignment", "uniformity"):
        found = json.loads(get("scalars/scalars", run="train", tag=f"epoch_{name}"))
        # Of the second epoch there is no measure, and no point.
        expected = [(i, x) for i, x in enumerate(history[name]) if x == x]
        assert [step for _, step, _ in found] == [step for step, _ in expected]
        values = [x for *_, x in found], [x for _, x in expected]
        np.testing.assert_allclose(*values, rtol=1e-6)
    tags = json.loads(get("scalars/tags"))["train"]
    assert "epoch_learning_rate" in tags

    (image,) = json.loads(get("images/images", run="train", tag="views", sample=0))
    query = dict(urllib.parse.parse_qsl(image["query"]))
    shown = tf.io.decode_png(get("images/individualImage", **query)).numpy()
    images = kc.data.load("contrastive_digits", "train").take(8)
    images = np.stack([x["image"] for x in images.as_numpy_iterator()])
    policy = kc.augment.digits(16)
    grid = view_grid([policy(images, seed=[0, view]) for view in range(4)])
    assert shown.shape == grid.shape == (8 * 17 - 1, 4 * 17 - 1, 1)
    np.testing.assert_allclose(shown / 255, grid, atol=1 / 255)
