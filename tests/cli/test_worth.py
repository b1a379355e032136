"""The closing table: what is measured, what is said meanwhile, and what is remarked."""

import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive import encoders
from keras_contrastive.cli.settings import few_steps, remarks
from keras_contrastive.cli.worth import PRETRAINED, UNTRAINED, hints, pixels, table
from keras_contrastive.evaluation import LabelEfficiency
from tests.cli.resolved import settings


def images(count, side):
    drawn = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
    labels = np.arange(count) % 2
    return tf.data.Dataset.from_tensor_slices({"image": drawn, "label": labels})


def test_each_row_is_said_before_it_is_measured(capsys):
    net = encoders.create("convnet", (24, 24, 3))
    sets = images(24, 24), images(10, 24)
    results = table(*sets, {"a net": net}, 24, labels_per_class=[1], draws=2)
    said = capsys.readouterr()
    assert said.err.splitlines() == [f"Measuring: {name}" for name in results]
    assert said.out == ""
    assert list(results) == ["raw pixels, 16 x 16", "a net"]


def test_raw_pixels_of_large_images_are_averages():
    (large,) = pixels(images(1, 64), 64)
    assert large.shape == (16 * 16 * 3,)
    (image,) = (x["image"] for x in images(1, 64).as_numpy_iterator())
    blocks = image.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3)) / 255
    # Averages that overlap a little; four of the pixels would be at a half.
    ours = large.reshape(16, 16, 3)
    assert np.corrcoef(ours.ravel(), blocks.ravel())[0, 1] > 0.8
    # Small ones are as they were.
    (small,) = pixels(images(1, 16), 16)
    (image,) = (x["image"] for x in images(1, 16).as_numpy_iterator())
    np.testing.assert_allclose(small, image.ravel() / 255, rtol=1e-6)


def results(untrained, pretrained, name=PRETRAINED):
    rows = {"raw pixels": 0.9, UNTRAINED: untrained, name: pretrained}
    return {
        name: [LabelEfficiency(None, 1, value, None, value, None)]
        for name, value in rows.items()
    }


def test_what_the_table_cannot_say_is_said():
    assert hints(results(0.5, 0.6), 100) == []
    (coarse,) = hints(results(0.5, 0.6), 40)
    assert "One of the 40 held-out images is 2.5 points" in coarse
    for name in (PRETRAINED, f"{PRETRAINED}, with labels"):
        (below,) = hints(results(0.5, 0.5, name), 100)
        assert f"The {name} is not above the untrained one" in below
        assert "--split=validation" in below
    # The table of `evaluate` has no untrained row.
    assert hints({"encoder": results(0.5, 0.6)[PRETRAINED]}, 100) == []


def test_few_steps_are_said_before_and_after():
    found = settings("--epochs=20")
    assert "80 steps are few" in few_steps(found, 4 * 256)
    assert remarks(found, 4 * 256) == [few_steps(found, 4 * 256)]
    # What the digits have by default.
    assert few_steps(settings(), 4 * 256) == ""


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--dataset=stl10"], ["resnet50", "--encoder=convnet --image_size=64 "]),
        (["--dataset=cifar10"], ["resnet18", "--encoder=convnet --batch_size=64 "]),
        (["--dataset=cifar10", "--encoder=convnet"], []),
        ([], []),
    ],
)
def test_a_large_net_without_an_accelerator_is_remarked(flags, words):
    found = settings(*flags)
    lines = remarks(found, 50_000, accelerator=False)
    assert len(lines) == bool(words)
    assert all(word in line for line in lines for word in words)
    assert remarks(found, 50_000, accelerator=True) == []
