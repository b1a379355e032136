import csv
import json

import keras
import numpy as np
import pytest

from keras_contrastive.cli.energies import pretrain
from keras_contrastive.cli.energies.methods import ENERGY_METHODS, make_noise
from keras_contrastive.cli.energies.options import NAMES
from keras_contrastive.cli.main import main
from keras_contrastive.cli.methods import METHODS
from keras_contrastive.energies import RBM

ON = {
    "cd": [],
    "pcd": ["--dataset=toy/rings", "--particles=300"],
    "nce": ["--energy=network", "--dataset=toy/gaussians"],
    "ratio_matching": ["--energy=boltzmann"],
    "mpf": ["--hidden_units=8"],
    "pseudo_likelihood": [],
    "dsm": ["--dataset=toy/two_moons"],
    "ml": ["--dataset=toy/spiral"],
    "dae": ["--dataset=toy/spiral"],
}


def history(folder):
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


def test_all_methods_are_here():
    assert set(ON) == set(ENERGY_METHODS)
    # Of toys an energy, of images an encoder.
    assert set(ENERGY_METHODS) & set(METHODS) == {"dae"}
    taken = {key for x in ENERGY_METHODS.values() for key in x.arguments}
    assert taken == set(NAMES)


@pytest.mark.parametrize("method", ON)
def test_each_method_trains(method, tmp_path, monkeypatch):
    # What is drawn of a run is the same for all, and has tests of its own.
    monkeypatch.setattr(pretrain, "draw", lambda *parts: None)
    monkeypatch.setattr(pretrain, "likelihood", lambda *parts: "")
    monkeypatch.setattr(pretrain, "Film", lambda *parts: keras.callbacks.Callback())
    folder = tmp_path / "run"
    flags = [f"--method={method}", *ON[method], "--epochs=1", f"--output_dir={folder}"]
    assert main(["pretrain", *flags]) == 0
    row = history(folder)[0]
    assert np.isfinite(float(row["loss"]))
    assert np.isfinite(float(row["held_out_energy"]))
    settings = json.loads((folder / "config.json").read_text())["settings"]
    assert settings["method"] == method


def test_several_steps_a_call_end_where_single_ones_do(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain, "draw", lambda *parts: None)
    monkeypatch.setattr(pretrain, "likelihood", lambda *parts: "")
    monkeypatch.setattr(pretrain, "Film", lambda *parts: keras.callbacks.Callback())
    models = []
    for steps in (1, 7):
        folder = tmp_path / str(steps)
        flags = ["--method=mpf", "--hidden_units=8", "--epochs=1"]
        flags += [f"--steps_per_execution={steps}", f"--output_dir={folder}"]
        assert main(["pretrain", *flags]) == 0
        models.append(keras.saving.load_model(folder / "checkpoint.keras"))
    assert [model.steps_per_execution for model in models] == [1, 7]
    for ours, theirs in zip(*(model.variables for model in models), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize(
    ("flags", "pictures"),
    [
        (
            ["--method=pcd"],
            {"chain", "curves", "energies", "filters", "particles"},
        ),
        (
            ["--method=cd", "--dataset=toy/gaussians"],
            {"curves", "energies", "surface"},
        ),
    ],
)
def test_a_run_leaves_its_pictures_and_a_likelihood(flags, pictures, tmp_path, capsys):
    folder = tmp_path / "run"
    assert main(["pretrain", *flags, "--epochs=2", f"--output_dir={folder}"]) == 0
    assert {x.stem for x in folder.glob("*.png")} == pictures
    assert len(list((folder / "film").glob("*.png"))) == 2
    printed = capsys.readouterr().out
    assert "Mean log-likelihood of" in printed
    for refused in ("evaluate", "finetune"):
        assert main([refused, f"--run={folder}"]) == 2
        assert "must be of a method that trains an encoder" in capsys.readouterr().err


def test_a_resumed_run_ends_as_one_that_was_never_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain, "draw", lambda *parts: None)
    monkeypatch.setattr(pretrain, "likelihood", lambda *parts: "")
    monkeypatch.setattr(pretrain, "Film", lambda *parts: keras.callbacks.Callback())
    flags = ["pretrain", "--method=pcd", "--epochs=3", "--hidden_units=8"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert main([*flags, f"--output_dir={whole}"]) == 0

    def die(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pretrain.Progress, "on_epoch_end", die)
        with pytest.raises(KeyboardInterrupt):
            main([*flags, f"--output_dir={cut}"])
    assert main(["pretrain", "--resume", f"--output_dir={cut}"]) == 0
    models = [keras.saving.load_model(x / "checkpoint.keras") for x in (whole, cut)]
    for ours, theirs in zip(*(model.variables for model in models), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert [r["loss"] for r in history(whole)] == [r["loss"] for r in history(cut)]
    assert main(["pretrain", "--resume", "--epochs=9", f"--output_dir={cut}"]) == 2


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--method=cd", "--encoder=resnet18"], "--encoder is not taken by cd"),
        (["--method=cd", "--ratio=2"], "--ratio is not taken by cd"),
        (["--method=simclr", "--chain_steps=2"], "--chain_steps is taken by cd, pcd"),
        (["--method=dsm", "--energy=rbm"], "--energy must be network for dsm"),
        (["--method=ml"], "at most 20 bits"),
        (["--method=mpf", "--energy=network"], "over bits"),
        (["--method=cd", "--dataset=toy/none"], "must be one of gaussians"),
        (
            ["--method=cd", "--dataset=toy/rings", "--energy=rbm"],
            "--energy must be network for points",
        ),
        (["--method=cd", "--optimizer=lars"], "--optimizer must be sgd or adam"),
        (["--method=dsm", "--noise_stddev=0"], "--noise_stddev must be above 0"),
        (["--method=cd", "--batch_size=5000"], "--batch_size must be at most"),
    ],
)
def test_what_does_not_go_together_is_refused(flags, words, tmp_path, capsys):
    folder = tmp_path / "run"
    assert main(["pretrain", *flags, f"--output_dir={folder}"]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Received: " in error
    assert not folder.exists()


def test_noise_gives_some_probability_to_every_point():
    points = np.zeros([10, 3], np.float32)
    noise = make_noise(RBM(3, 1), points)
    assert np.isfinite(noise.log_prob(np.ones([1, 3], np.float32)).numpy()).all()
