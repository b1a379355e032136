import math

import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.augment import GaussianBlur


def slow_blur(image, sigma, radius):
    height, width, _ = image.shape
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    weights /= weights.sum()

    def mirrored(index, size):
        index = abs(index)
        return 2 * (size - 1) - index if index >= size else index

    out = np.zeros_like(image)
    for i, j in np.ndindex(height, width):
        for a, wa in zip(offsets, weights, strict=True):
            for b, wb in zip(offsets, weights, strict=True):
                y, x = mirrored(i + a, height), mirrored(j + b, width)
                out[i, j] += wa * wb * image[y, x]
    return out


@pytest.mark.parametrize("compilable", [False, True])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (50, 60)])
def test_pixels_equal_a_slow_loop(compilable, height, width):
    images = np.random.default_rng(0).random((6, height, width, 1), np.float32)
    layer = GaussianBlur(rate=0.5)
    numbers = layer.draw(tf.constant([4, 5]), 6, images)
    blurred = numbers["blurred"].numpy()
    assert 0 < blurred.sum() < 6
    out = layer(images, seed=[4, 5], compilable=compilable).numpy()
    radius = layer.radius(min(height, width))
    for i in range(6):
        expected = images[i]
        if blurred[i]:
            sigma = numbers["sigma"].numpy()[i]
            expected = slow_blur(images[i].astype("float64"), sigma, radius)
        np.testing.assert_allclose(out[i], expected, atol=2e-6)


def test_the_kernel_is_a_tenth_of_the_side_and_odd():
    layer = GaussianBlur()
    taps = {side: 2 * layer.radius(side) + 1 for side in (16, 32, 96, 224)}
    assert taps == {16: 3, 32: 3, 96: 11, 224: 23}


def test_rate_and_sigma_are_the_papers():
    count = 20_000
    numbers = GaussianBlur().draw(tf.constant([1, 2]), count, tf.zeros([1, 32, 32, 3]))
    assert abs(numbers["blurred"].numpy().mean() - 0.5) < 4 * 0.5 / math.sqrt(count)
    sigma = numbers["sigma"].numpy()
    assert 0.1 <= sigma.min() < 0.101
    assert 1.999 < sigma.max() <= 2
    assert abs(sigma.mean() - 1.05) < 4 * 1.9 / math.sqrt(12 * count)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"rate": 2}, "rate"),
        ({"sigma": (0, 1)}, "sigma"),
        ({"kernel_share": 0}, "kernel_share"),
    ],
)
def test_bad_options_name_the_argument(options, name):
    with pytest.raises(ValueError, match=rf"`{name}`.*Received: "):
        GaussianBlur(**options)


@pytest.mark.parametrize("compilable", [False, True])
def test_no_image_or_every_image_may_be_blurred(compilable):
    images = np.random.default_rng(0).random((4, 16, 16, 3), np.float32)
    none = tf.function(GaussianBlur(rate=0.0))(images, [0, 0], compilable=compilable)
    np.testing.assert_array_equal(none, images)
    every = GaussianBlur(rate=1.0, sigma=(1, 2))(images, [0, 0], compilable=compilable)
    assert (np.abs(every - images).mean(axis=(1, 2, 3)) > 0.01).all()
