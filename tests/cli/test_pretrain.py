import json
import shlex
import shutil

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.callbacks.representation_monitor import NAMES
from keras_contrastive.cli import pretrain
from keras_contrastive.cli.main import main
from keras_contrastive.cli.run_folder import RunFolder
from tests.cli.resolved import settings


def weights(folder):
    model = keras.saving.load_model(folder / "checkpoint.keras")
    return [v.numpy() for v in (*model.variables, *model.optimizer.variables)]


def test_a_run_folder_holds_everything(finished):
    names = {path.name for path in finished.iterdir()}
    assert names >= {
        "config.json",
        "history.csv",
        "checkpoint.keras",
        "encoder",
        "preset",
        "views.png",
        "curves.png",
        "embedding.png",
        "neighbours.png",
        "evaluation.md",
        "evaluation.json",
        "pair_similarities.json",
    }
    config = json.loads((finished / "config.json").read_text())
    assert config["settings"]["epochs"] == 4
    assert set(config["versions"]) >= {"keras", "tensorflow", "keras_contrastive"}
    history = RunFolder(finished).read_history()
    assert history["epoch"] == [1, 2, 3, 4]
    assert "val_" not in (finished / "history.csv").read_text()
    assert history["loss"][-1] < history["loss"][0]
    assert np.isfinite(history["knn_accuracy"]).any()
    assert np.isfinite([history[x] for x in (*NAMES, "alignment")]).all()
    # Positives nearer than negatives, and more so with training.
    pairs = kc.callbacks.read_pairs(finished / "pair_similarities.json")
    assert list(pairs) == [0, 1, 2, 3, 4]
    apart = [x.positive_mean - x.negative_mean for x in pairs.values()]
    assert 0 < apart[0] < apart[-1]
    for picture in finished.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size > 5000
    table = (finished / "evaluation.md").read_text()
    for row in ("raw pixels", "untrained encoder", "pretrained encoder"):
        assert row in table


def test_the_exported_encoder_is_the_checkpoint_s(finished):
    model = keras.saving.load_model(finished / "checkpoint.keras")
    images = np.random.default_rng(0).random((4, *model.encoder.input_shape[1:]))
    encoder = kc.export.load_encoder(finished / "encoder")
    np.testing.assert_array_equal(
        encoder(images.astype("float32")), model.encoder(images.astype("float32"))
    )


def test_a_run_is_a_preset(finished):
    model = keras.saving.load_model(finished / "checkpoint.keras")
    encoder = kc.encoders.from_preset(finished)
    for ours, theirs in zip(encoder.weights, model.encoder.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # Its folder is all of it, and may go elsewhere.
    assert kc.encoders.from_preset(finished / "preset").built
    card = json.loads((finished / "preset" / "card.json").read_text())
    assert card["method"] == "simclr"
    assert card["data"] == "contrastive_digits train, without labels"
    rows = json.loads((finished / "evaluation.json").read_text())
    assert card["accuracy"] == {
        "split": "test",
        "budgets": rows["pretrained encoder"],
    }
    # The command that it names resolves to the run's settings.
    program, name, *flags = shlex.split(card["command"])
    assert (program, name) == ("keras-contrastive", "pretrain")
    config = json.loads((finished / "config.json").read_text())["settings"]
    of_its_place = {"data_dir": None, "checkpoint_every": None}
    assert vars(settings(*flags)) == config | of_its_place


@pytest.mark.parametrize("flags", [[], ["--steps_per_execution=3"]])
def test_the_same_command_gives_the_same_weights(flags, finished, data, tmp_path):
    again = tmp_path / "again"
    arguments = ["--epochs=4", "--evaluate_images=0", f"--output_dir={again}", *flags]
    assert main(["pretrain", *arguments]) == 0
    for ours, theirs in zip(weights(again), weights(finished), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_run_that_was_killed_ends_as_if_it_was_not(
    finished, data, tmp_path, monkeypatch
):
    folder = tmp_path / "killed"

    class Killed(Exception):
        pass

    class Killer(pretrain.Progress):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.step.numpy()) == 3 * 4 + 2:
                raise Killed

    arguments = ["pretrain", f"--output_dir={folder}", "--evaluate_images=0"]
    with monkeypatch.context() as patch:
        patch.setattr(pretrain, "Progress", Killer)
        with pytest.raises(Killed):
            main([*arguments, "--epochs=4", "--checkpoint_every=2"])
    # The third epoch is in the history and not in the checkpoint.
    assert RunFolder(folder).read_history()["epoch"] == [1, 2, 3]
    assert main([*arguments, "--resume"]) == 0
    for name in ("history.csv", "pair_similarities.json"):
        assert (folder / name).read_bytes() == (finished / name).read_bytes()
    for ours, theirs in zip(weights(folder), weights(finished), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_folder_with_a_run_is_refused_and_kept(finished, data, capsys):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    assert main(["pretrain", f"--output_dir={finished}"]) == 2
    err = capsys.readouterr().err
    assert "--output_dir" in err
    assert "another run is finished" in err
    assert before == {path: path.stat().st_mtime_ns for path in finished.rglob("*")}


def test_resuming_refuses_other_settings(finished, data, tmp_path, capsys):
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    arguments = ["pretrain", "--resume", f"--output_dir={folder}", "--batch_size=64"]
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert "--batch_size" in err
    assert "Received: 64" in err


def test_augmenting_on_the_device_draws_other_views_but_learns(data, tmp_path):
    folder = tmp_path / "device"
    arguments = ["--epochs=4", "--evaluate_images=0", "--augment_on=device"]
    assert main(["pretrain", *arguments, f"--output_dir={folder}"]) == 0
    loss = RunFolder(folder).read_history()["loss"]
    assert loss[-1] < loss[0]


def test_a_batch_larger_than_the_set_is_named(data, capsys):
    assert main(["pretrain", "--batch_size=5000", "--output_dir=x"]) == 2
    assert "--batch_size" in capsys.readouterr().err
