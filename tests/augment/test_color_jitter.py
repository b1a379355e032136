import colorsys
import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.augment import ColorJitter
from keras_contrastive.augment.color_jitter import turn

LUMA = np.array([0.299, 0.587, 0.114])
FACTORS = ("brightness", "contrast", "saturation", "hue")


def drawn(order, jittered=True, grey=False, **factors):
    """What `draw` returns, for one image, chosen by hand."""
    values = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
    values |= factors
    return {
        **{name: tf.constant([values[name]]) for name in FACTORS},
        "turn": turn(tf.constant([values["hue"]])),
        "order": tf.constant([order]),
        "jittered": tf.constant([jittered]),
        "grey": tf.constant([grey]),
    }


def turned(image, turns):
    """Rodrigues' rotation about the grey axis, pixel by pixel."""
    axis, angle = np.ones(3) / np.sqrt(3), 2 * np.pi * turns
    out = np.zeros_like(image)
    for at in np.ndindex(image.shape[:2]):
        x = image[at]
        out[at] = (
            x * np.cos(angle)
            + np.cross(axis, x) * np.sin(angle)
            + axis * (axis @ x) * (1 - np.cos(angle))
        )
    return out


def one_by_one(image, order, values, grey):
    """The changes applied to the pixels in turn, as the papers' code does."""
    x = image.astype(np.float64)
    for step in order:
        name = FACTORS[step]
        f = values[name]
        if name == "brightness":
            x = f * x
        elif name == "contrast":
            x = f * x + (1 - f) * x.mean((0, 1))
        elif name == "saturation":
            x = f * x + (1 - f) * (x @ LUMA)[..., None]
        else:
            x = turned(x, f)
    if grey:
        x = np.repeat((x @ LUMA)[..., None], 3, -1)
    return np.clip(x, 0, 1)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_fused_map_equals_the_changes_one_by_one(order):
    image = np.random.default_rng(1).uniform(0.35, 0.65, (5, 7, 3)).astype("float32")
    values = {"brightness": 1.2, "contrast": 0.7, "saturation": 1.4, "hue": 0.07}
    for grey in (False, True):
        out = ColorJitter().augment_images(
            image[None], drawn(list(order), grey=grey, **values)
        )[0]
        expected = one_by_one(image, order, values, grey)
        np.testing.assert_allclose(out, expected, atol=3e-6)


def test_contrast_and_saturation_are_the_references():
    image = np.random.default_rng(1).uniform(0.3, 0.7, (6, 6, 3)).astype("float32")
    jitter = ColorJitter()
    out = jitter.augment_images(image[None], drawn([0, 1, 2, 3], contrast=0.6))[0]
    np.testing.assert_allclose(out, tf.image.adjust_contrast(image, 0.6), atol=1e-6)
    out = jitter.augment_images(image[None], drawn([0, 1, 2, 3], saturation=0.0))[0]
    grey = tf.image.rgb_to_grayscale(image)
    np.testing.assert_allclose(out, np.repeat(grey, 3, -1), atol=2e-4)


def exact_hue(image, turns):
    out = np.zeros_like(image)
    for at in np.ndindex(image.shape[:2]):
        h, s, v = colorsys.rgb_to_hsv(*image[at].tolist())
        out[at] = colorsys.hsv_to_rgb((h + turns) % 1, s, v)
    return out


def chroma(image):
    return image - (image @ LUMA)[..., None]


@pytest.mark.parametrize("turns", [-0.2, -0.1, 0.05, 0.1, 0.2])
def test_hue_is_near_the_exact_one_of_hsv(turns):
    rng = np.random.default_rng(0)
    image = rng.uniform(0.25, 0.75, (16, 16, 1)) + rng.normal(0, 0.05, (16, 16, 3))
    image = np.clip(image, 0, 1).astype("float32")
    out = ColorJitter().augment_images(image[None], drawn([0, 1, 2, 3], hue=turns))[0]
    exact = exact_hue(image, turns)
    moved = np.abs(chroma(image) - chroma(exact)).mean()
    assert np.abs(chroma(out.numpy()) - chroma(exact)).mean() < 0.25 * moved
    assert np.abs(out.numpy() - exact).mean() < np.abs(image - exact).mean()


def test_hue_is_exact_at_a_third_of_a_turn():
    image = np.random.default_rng(0).random((8, 8, 3)).astype("float32")
    out = ColorJitter().augment_images(image[None], drawn([0, 1, 2, 3], hue=1 / 3))[0]
    np.testing.assert_allclose(out, exact_hue(image, 1 / 3), atol=1e-6)


def test_what_is_drawn_has_the_papers_strengths():
    count = 20_000
    jitter = ColorJitter(0.8, 0.8, 0.8, 0.2, rate=0.8, grey_rate=0.2)
    numbers = jitter.draw(tf.constant([2, 3]), count, tf.zeros([1, 4, 4, 3]))
    for name in FACTORS[:3]:
        values = numbers[name].numpy()
        assert 0.2 <= values.min() < 0.21
        assert 1.79 < values.max() <= 1.8
        assert abs(values.mean() - 1) < 4 * (1.6 / 12**0.5) / count**0.5
    hue = numbers["hue"].numpy()
    assert -0.2 <= hue.min() < -0.199
    assert 0.199 < hue.max() <= 0.2
    for name, rate in (("jittered", 0.8), ("grey", 0.2)):
        seen = numbers[name].numpy().mean()
        assert abs(seen - rate) < 4 * (rate * (1 - rate) / count) ** 0.5
    seen = np.unique(numbers["order"].numpy(), axis=0, return_counts=True)[1]
    # Chi-square of 24 equal cells: 58.6 is passed by one seed in 10,000.
    assert len(seen) == 24
    assert ((seen - count / 24) ** 2 / (count / 24)).sum() < 58.6


def test_grey_images_keep_one_channel():
    image = np.random.default_rng(1).uniform(0.3, 0.7, (4, 5, 5, 1)).astype("float32")
    jitter = ColorJitter(0.4, 0.4, 0.4, 0.1, rate=1.0)
    out = jitter(image, seed=[0, 1])
    assert out.shape == image.shape
    assert np.abs(out - image).max(axis=(1, 2, 3)).min() > 0
    numbers = {k: v[:1] for k, v in jitter.draw([0, 1], 4, image).items()}
    f, c = numbers["brightness"].numpy()[0], numbers["contrast"].numpy()[0]
    mean = image[0].mean()
    expected = f * (c * image[0] + (1 - c) * mean)
    np.testing.assert_allclose(out[0], np.clip(expected, 0, 1), atol=1e-5)


def test_five_channels_are_refused():
    with pytest.raises(ValueError, match=r"1 or 3 channels.*Received: "):
        ColorJitter()(np.zeros((2, 4, 4, 5), "float32"), seed=[0, 0])


@pytest.mark.parametrize(
    "name", ["brightness", "contrast", "saturation", "hue", "rate", "grey_rate"]
)
def test_bad_options_name_the_argument(name):
    with pytest.raises(ValueError, match=rf"`{name}`.*Received: -0.1"):
        ColorJitter(**{name: -0.1})
