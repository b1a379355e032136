"""What the README shows runs as it stands there, on less data."""

import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc

README = (pathlib.Path(__file__).parents[1] / "README.md").read_text()


def a_model():
    encoder = kc.encoders.create("convnet", (16, 16, 1))
    model = kc.models.SimCLR(encoder)
    model.compile(kc.optimizers.SGD(0.1))
    return model


@pytest.mark.slow
def test_the_code_blocks_run_one_after_the_other(monkeypatch, tmp_path, two_devices):
    load, strategy = kc.data.load, kc.distribute.strategy

    def little(name, split):
        """The digits, at MNIST's size where that is asked for."""
        images = load("contrastive_digits", "train").take(512)
        if name != "mnist":
            return images
        return images.map(
            lambda x: (
                x | {"image": tf.cast(tf.image.resize(x["image"], (28, 28)), tf.uint8)}
            )
        )

    def shared(name):
        """The tests' own two devices, whose collectives no others may meet."""
        assert type(strategy(name)) is type(two_devices)
        return two_devices

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kc.data, "load", little)
    monkeypatch.setattr(kc.distribute, "strategy", shared)
    vectors = tf.math.l2_normalize(np.eye(8, 128, dtype=np.float32), axis=1)
    # What a block takes for given.
    names = {"make_model": a_model, "steps": 2, "query": vectors, "key": vectors}
    names |= {"x": np.zeros((4, 2), np.float32)}
    # What is before needs files of one's own, and is tested with the command line.
    text = README[README.index("## The same in Python") :]
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 6
    for block in blocks:
        shorter = re.sub(r"\bepochs=\d+", "epochs=1", block)
        exec(compile(shorter, "README.md", "exec"), names)
    assert names["classifier"].output_shape == (None, 10)
    assert names["similar"].rows.shape == (8, 5)
    assert names["backup"].load().steps_taken == 2
    assert np.isfinite(names["log_z"].log_z)
    assert {"digits_encoder", "dae.png", "runs"} <= {x.name for x in tmp_path.iterdir()}
