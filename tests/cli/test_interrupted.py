"""`--output_dir` alone makes a run resumable; and where it runs is said by flags."""

import errno
import os

import keras
import numpy as np
import pytest

from keras_contrastive.cli import pretrain
from keras_contrastive.cli.energies import pretrain as energies
from keras_contrastive.cli.main import main
from keras_contrastive.cli.placing import check_batch
from keras_contrastive.cli.run_folder import RunFolder
from tests.cli.test_pretrain import weights

IMAGES = ["--epochs=3", "--evaluate_images=0", "--checkpoint_every=1", "--knn_every=3"]
POINTS = ["--method=pcd", "--epochs=3", "--hidden_units=4", "--checkpoint_every=1"]


@pytest.fixture
def bare(monkeypatch):
    """Runs without what they leave for their readers."""
    monkeypatch.setattr(pretrain.export, "export_encoder", lambda *_: None)
    for module in (pretrain, energies):
        monkeypatch.setattr(module, "draw", lambda *_: None)
    monkeypatch.setattr(energies, "likelihood", lambda *_: "")


def dying_at(step, module, monkeypatch):
    class Killed(Exception):
        pass

    class Killer(module.Progress):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.steps_taken == step:
                raise Killed

    monkeypatch.setattr(module, "Progress", Killer)
    return Killed


@pytest.mark.parametrize(
    ("flags", "module", "steps"), [(IMAGES, pretrain, 4), (POINTS, energies, 14)]
)
def test_the_same_command_goes_on_with_what_was_cut_off(
    flags, module, steps, data, tmp_path, monkeypatch, bare, capsys
):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert main(["pretrain", *flags, f"--output_dir={whole}"]) == 0
    command = ["pretrain", *flags, f"--output_dir={cut}"]
    for step in (2, steps + 1):
        with monkeypatch.context() as patch:
            killed = dying_at(step, module, patch)
            with pytest.raises(killed):
                main(command)
    # Another setting is refused, the same command is not.
    assert main([*command, "--seed=5"]) == 2
    assert main(command) == 0
    for ours, theirs in zip(weights(cut), weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for name in ("history.csv", *(["pair_similarities.json"] * (flags == IMAGES))):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
    # Nobody takes a finished run's folder, and its end is not made again.
    before = {path: path.stat().st_mtime_ns for path in cut.rglob("*")}
    resume = ["pretrain", "--resume", f"--output_dir={cut}"]
    for same in (command, resume, [*resume, *flags]):
        capsys.readouterr()
        assert main(same) == 0
        said = capsys.readouterr().out
        assert f"The run in {cut} is finished" in said
        assert f"keras-contrastive plot {cut}" in said
        assert (f"finetune --run={cut}\n" in said) is (module is pretrain)
    # Fewer flags mean other settings, as another value does.
    for other in (command[:1] + command[2:], [*command, "--seed=5"]):
        assert main(other) == 2
        err = capsys.readouterr().err
        assert "--output_dir must be a new or an empty folder" in err
        assert f"{cut}, where another run is finished" in err
    assert main([*resume, "--seed=5"]) == 2
    assert "--seed must stay 0" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in cut.rglob("*")}


def test_an_end_that_was_cut_off_is_made_again(data, tmp_path, monkeypatch):
    command = ["pretrain", *IMAGES, f"--output_dir={tmp_path / 'run'}"]

    def failing(*arguments):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(pretrain, "draw", failing)
        with pytest.raises(ZeroDivisionError):
            main(command)
    folder = RunFolder(tmp_path / "run")
    assert folder.encoder.is_dir()
    assert folder.unfinished
    assert main(command) == 0
    assert not folder.unfinished


def test_a_full_disk_ends_a_run_with_its_last_backup_whole(
    data, tmp_path, monkeypatch, bare, capsys
):
    command = ["pretrain", *IMAGES, f"--output_dir={tmp_path / 'run'}"]
    save, saved = keras.saving.save_model, []

    def full(model, path):
        if len(saved) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved.append(path)
        save(model, path)

    with monkeypatch.context() as patch:
        patch.setattr(keras.saving, "save_model", full)
        assert main(command) == 1
    err = capsys.readouterr().err
    assert "checkpoint.keras could not be written, what it held before is whole" in err
    assert "No space left" in err
    model = keras.saving.load_model(tmp_path / "run" / "checkpoint.keras")
    assert model.steps_taken == 2 * 4
    assert main(command) == 0


def test_a_folder_that_cannot_be_made_is_named(data, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "run"
    assert main(["pretrain", *IMAGES, f"--output_dir={folder}"]) in (1, 2)
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_a_batch_that_replicas_cannot_share_is_answered_with_the_nearest(two_devices):
    check_batch(6, two_devices)
    with pytest.raises(ValueError, match=r"such as 6 or 8. Received: 7"):
        check_batch(7, two_devices)
    with pytest.raises(ValueError, match=r"such as 2. Received: 1"):
        check_batch(1, two_devices)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--global_batch_size=64", "--batch_size=32"], "--global_batch_size must be"),
        (["--tpu=local", "--strategy=mirrored"], "--tpu must stand with"),
        (["--tpu=local"], "--tpu must be a TPU that can be reached"),
        (["--strategy=multiworker"], "--output_dir must be given"),
        (["--global_batch_size=5000"], "--batch_size must be at most"),
    ],
)
def test_flags_that_cannot_work_are_refused(flags, words, data, capsys, monkeypatch):
    for name in ("TPU_NAME", "TPU_WORKER_ID", "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS"):
        monkeypatch.delenv(name, raising=False)
    assert main(["pretrain", *flags]) == 2
    assert words in capsys.readouterr().err
