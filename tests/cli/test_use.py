import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.cli.main import main


def test_evaluate_prints_the_table(finished, data, capsys):
    arguments = ["--labels_per_class=1,all", "--draws=2"]
    assert main(["evaluate", f"--run={finished}", *arguments]) == 0
    out = capsys.readouterr().out
    assert "raw pixels" in out
    assert "kNN, 1/class" in out
    assert "kNN, 5/class" not in out
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
    assert f"{result['accuracy']:.1%}" in capsys.readouterr().out
    served = tf.saved_model.load(str(run / "finetuned" / "classifier"))
    test = kc.data.load("contrastive_digits", "test")
    images = np.stack([x["image"] for x in test.as_numpy_iterator()]) / 255
    images = tf.image.resize(images, (16, 16), antialias=True)
    labels = [x["label"] for x in test.as_numpy_iterator()]
    right = np.argmax(served.serve(images), axis=1) == labels
    np.testing.assert_allclose(right.mean(), result["accuracy"], atol=0.01)
    # It is there: a second run must not overwrite it.
    assert main(arguments) == 2
    assert "--output_dir" in capsys.readouterr().err


def test_a_frozen_trunk_keeps_its_features(finished, data, tmp_path):
    out = tmp_path / "frozen"
    arguments = ["--freeze", "--epochs=2", f"--output_dir={out}"]
    assert main(["finetune", f"--run={finished}", *arguments]) == 0
    trunk = tf.saved_model.load(str(finished / "encoder"))
    tuned = tf.saved_model.load(str(out / "classifier"))
    kernels = [v.numpy() for v in trunk.variables if "kernel" in v.name]
    kept = [v.numpy() for v in tuned.variables]
    for kernel in kernels:
        assert any(np.array_equal(kernel, other) for other in kept)


@pytest.mark.parametrize("command", ["evaluate", "finetune"])
def test_a_saved_model_that_is_not_ours_is_named(command, data, tmp_path, capsys):
    tf.saved_model.save(tf.Module(), str(tmp_path / "other"))
    arguments = [f"--encoder_dir={tmp_path / 'other'}", "--dataset=contrastive_digits"]
    assert main([command, *arguments]) == 2
    assert "export_encoder" in capsys.readouterr().err


def test_a_set_that_does_not_fit_is_named(finished, data, capsys, tmp_path):
    encoder = kc.encoders.create("convnet", (16, 16, 3))
    kc.export.export_encoder(encoder, tmp_path / "rgb")
    arguments = [f"--encoder_dir={tmp_path / 'rgb'}", "--dataset=contrastive_digits"]
    assert main(["evaluate", *arguments]) == 2
    assert "3 channels" in capsys.readouterr().err
