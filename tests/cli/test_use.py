import itertools
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.cli import finetune, images
from keras_contrastive.cli.main import main


def test_evaluate_prints_the_table(finished, data, capsys):
    arguments = ["--labels_per_class=1,all", "--draws=2"]
    assert main(["evaluate", f"--run={finished}", *arguments]) == 0
    out = capsys.readouterr().out
    assert "raw pixels" in out
    assert "kNN, 1/class" in out
    assert "kNN, 5/class" not in out
    assert "Nothing was chosen on 'test': its images were read once" in out
    assert "Transfer" not in out
    assert (
        main(
            [
                "evaluate",
                f"--encoder_dir={finished / 'encoder'}",
                "--dataset=contrastive_digits",
                *arguments,
            ]
        )
        == 0
    )
    assert capsys.readouterr().out == out


def test_finetune_writes_a_classifier(finished, data, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    arguments = ["finetune", f"--run={run}", "--epochs=15", "--labels_per_class=20"]
    assert main(arguments) == 0
    result = json.loads((run / "finetuned" / "result.json").read_text())
    assert result["accuracy"] > 0.8
    out = capsys.readouterr().out
    assert f"with 20 labels a class: {result['accuracy']:.1%}" in out
    assert "Labels: " not in out
    assert "Nothing was chosen on 'test'" in out
    served = tf.saved_model.load(str(run / "finetuned" / "classifier"))
    assert [x.decode() for x in served.class_names().numpy()] == result["class_names"]
    test = kc.data.load("contrastive_digits", "test")
    images, labels = (
        np.stack([x[key] for x in test.as_numpy_iterator()])
        for key in ("image", "label")
    )
    assert images.dtype == np.uint8
    probabilities = served.serve(images)
    np.testing.assert_allclose(np.sum(probabilities, axis=1), 1, atol=1e-5)
    right = np.argmax(probabilities, axis=1) == labels
    np.testing.assert_allclose(right.mean(), result["accuracy"], atol=0.01)
    np.testing.assert_allclose(served.serve_one(images[0]), probabilities[0], atol=1e-5)


def test_a_second_classifier_wants_a_folder_of_its_own(tmp_path, capsys, monkeypatch):
    run = tmp_path / "run"
    (run / "finetuned").mkdir(parents=True)
    (run / "finetuned" / "result.json").write_text("{}")

    def read(*_, **__):
        raise AssertionError("the images were read before it was refused")

    monkeypatch.setattr(finetune.source, "find", read)
    assert main(["finetune", f"--run={run}"]) == 2
    err = capsys.readouterr().err
    assert "--run must be one that has not been fine-tuned yet" in err
    assert "--output_dir=OTHER" in err
    assert f"fine-tuned already, in {run / 'finetuned'}" in err
    with pytest.raises(AssertionError):
        main(["finetune", f"--run={run}", f"--output_dir={tmp_path / 'other'}"])


def kernels(folder):
    """The trunk's kernels, by the name that they have in the SavedModel."""
    weights = tf.saved_model.load(str(folder)).variables
    return {
        v.name.split(":")[0].replace("/", "_"): v.numpy()
        for v in weights
        if "conv" in v.name
    }


def test_a_frozen_trunk_keeps_its_features(finished, data, tmp_path):
    out = tmp_path / "frozen"
    arguments = ["--freeze", "--epochs=2", f"--output_dir={out}"]
    assert main(["finetune", f"--run={finished}", *arguments]) == 0
    trunk, tuned = kernels(finished / "encoder"), kernels(out / "classifier")
    assert trunk.keys() == tuned.keys()
    for name, kernel in trunk.items():
        np.testing.assert_array_equal(tuned[name], kernel)


def test_layers_decay_after_an_epoch_of_the_head(finished, data, tmp_path):
    out = tmp_path / "tuned"
    arguments = ["--layer_decay=0.1", "--freeze_epochs=1", "--augmentation=digits"]
    arguments += ["--epochs=2", "--labels_per_class=30", f"--output_dir={out}"]
    assert main(["finetune", f"--run={finished}", *arguments]) == 0
    trunk, tuned = kernels(finished / "encoder"), kernels(out / "classifier")
    # Four levels, each of which a step moves by as much as its rate.
    upwards = sorted(trunk, key=lambda name: trunk[name].shape)
    moved = [np.abs(trunk[name] - tuned[name]).max() for name in upwards]
    assert len(moved) == 4
    for lower, upper in itertools.pairwise(moved):
        assert 0 < 3 * lower < upper
    result = json.loads((out / "result.json").read_text())
    assert result["layer_decay"] == 0.1
    assert result["freeze_epochs"] == 1
    assert result["augmentation"] == "digits"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--freeze", "--layer_decay=0.5"], ["--layer_decay has no", "0.5"]),
        (["--epochs=3", "--freeze_epochs=3"], ["--freeze_epochs must", "3; --freeze"]),
        (["--augmentation=rand_augment"], ["--augmentation rand_augment", "of 1"]),
        (["--layer_decay=0"], ["--layer_decay must", "Received: 0"]),
    ],
)
def test_flags_that_do_not_go_together_are_named(
    arguments, words, finished, data, tmp_path, capsys
):
    out = f"--output_dir={tmp_path / 'out'}"
    assert main(["finetune", f"--run={finished}", out, *arguments]) == 2
    err = capsys.readouterr().err
    for word in words:
        assert word in err


def test_a_preset_is_used_by_its_name_or_its_folder(data, tmp_path, capsys):
    images._opened.cache_clear()
    named = ["--encoder_dir=convnet_simclr_cifar10", "--dataset=contrastive_digits"]
    named += ["--labels_per_class=all", "--draws=1", "--images=300"]
    assert main(["evaluate", *named]) == 0
    row = next(x for x in capsys.readouterr().out.splitlines() if "encoder of" in x)
    # Of photographs, and yet it tells most digits.
    assert float(row.split()[-1]) > 60
    encoder = kc.encoders.create("convnet", (16, 16, 1))
    kc.export.export_preset(encoder, tmp_path / "mine")
    kc.export.export_encoder(encoder, tmp_path / "exported")
    accuracy = []
    for name in ("mine", "exported"):
        arguments = [f"--encoder_dir={tmp_path / name}", "--dataset=contrastive_digits"]
        arguments += ["--epochs=3", f"--output_dir={tmp_path / name}_out"]
        assert main(["finetune", *arguments]) == 0
        result = (tmp_path / f"{name}_out" / "result.json").read_text()
        accuracy.append(json.loads(result)["accuracy"])
    assert accuracy[0] == accuracy[1] > 0.5


@pytest.mark.parametrize("command", ["evaluate", "finetune"])
def test_a_saved_model_that_is_not_ours_is_named(command, data, tmp_path, capsys):
    tf.saved_model.save(tf.Module(), str(tmp_path / "other"))
    arguments = [f"--encoder_dir={tmp_path / 'other'}", "--dataset=contrastive_digits"]
    if command == "finetune":
        arguments.append(f"--output_dir={tmp_path / 'out'}")
    assert main([command, *arguments]) == 2
    assert "export_encoder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "channels"), [("evaluate", 2), ("finetune", 2), ("finetune", 3)]
)
def test_a_set_that_does_not_fit_is_named(command, channels, data, capsys, tmp_path):
    encoder = kc.encoders.create("convnet", (16, 16, channels))
    kc.export.export_encoder(encoder, tmp_path / "other")
    arguments = [f"--encoder_dir={tmp_path / 'other'}", "--dataset=contrastive_digits"]
    if command == "finetune":
        arguments.append(f"--output_dir={tmp_path / 'out'}")
    assert main([command, *arguments]) == 2
    err = capsys.readouterr().err
    assert f"--dataset must have images of {channels} channels" in err
    assert not (tmp_path / "out").exists()


def test_choices_are_made_on_validation_images(
    finished, data, tmp_path, capsys, monkeypatch
):
    read = []
    load = images.load

    def spy(where, split, *sizes):
        read.append(split)
        return load(where, split, *sizes)

    monkeypatch.setattr(images, "load", spy)
    few = [f"--run={finished}", "--labels_per_class=2", "--split=validation"]
    assert main(["evaluate", *few, "--draws=1"]) == 0
    out = capsys.readouterr().out
    assert "images of 'validation', with labels of 'train'" in out
    assert "the test images, 'test', were not read" in out
    arguments = [f"--output_dir={tmp_path / 'out'}", "--epochs=1"]
    assert main(["finetune", *few, *arguments]) == 0
    assert "the test images, 'test', were not read" in capsys.readouterr().out
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["split"] == result["held_out"] == "validation"
    assert set(read) == {"train", "validation"}
