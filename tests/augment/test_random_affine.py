import math

import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.augment import RandomAffine


def slow_affine(image, matrix, shift, size):
    """Reads each output pixel where the docstring says, black outside."""
    height, width, channels = image.shape

    def pixel(y, x):
        inside = 0 <= y < height and 0 <= x < width
        return image[y, x] if inside else np.zeros(channels)

    out = np.zeros((size, size, channels))
    for i, j in np.ndindex(size, size):
        point = (np.array([j, i]) + 0.5) / size - 0.5
        u, v = matrix @ point - shift
        x, y = (u + 0.5) * width - 0.5, (v + 0.5) * height - 0.5
        x0, y0 = math.floor(x), math.floor(y)
        dx, dy = x - x0, y - y0
        out[i, j] = (
            pixel(y0, x0) * (1 - dy) * (1 - dx)
            + pixel(y0, x0 + 1) * (1 - dy) * dx
            + pixel(y0 + 1, x0) * dy * (1 - dx)
            + pixel(y0 + 1, x0 + 1) * dy * dx
        )
    return out


@pytest.mark.parametrize("compilable", [False, True])
@pytest.mark.parametrize(("height", "width", "size"), [(8, 8, 16), (9, 7, 6)])
def test_pixels_equal_a_slow_loop(compilable, height, width, size):
    images = np.random.default_rng(0).random((5, height, width, 2), np.float32)
    layer = RandomAffine(size, rotation=0.2, shift=0.2, scale=1.5, shear=0.3)
    numbers = layer.draw(tf.constant([4, 5]), 5, images)
    out = layer(images, seed=[4, 5], compilable=compilable).numpy()
    for i in range(5):
        matrix, shift = numbers["matrix"][i].numpy(), numbers["shift"][i].numpy()
        expected = slow_affine(images[i].astype("float64"), matrix, shift, size)
        np.testing.assert_allclose(out[i], expected, atol=1e-5)


def test_nothing_to_do_is_the_image():
    images = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    layer = RandomAffine(8, rotation=0, shift=0, scale=1, shear=0)
    for compilable in (False, True):
        out = layer(images, seed=[1, 1], compilable=compilable)
        np.testing.assert_allclose(out, images, atol=1e-5)


def test_the_matrix_turns_shears_and_scales():
    layer = RandomAffine(8, rotation=0.1, shift=0.2, scale=1.3, shear=0.4)
    numbers = layer.draw(tf.constant([1, 2]), 5000, tf.zeros([1, 8, 8, 1]))
    matrix = numbers["matrix"].numpy()
    # QR: R has the scales on its diagonal, and scale_y * shear above it.
    turn = np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0]) / (2 * math.pi)
    assert 0.099 < np.abs(turn).max() <= 0.1
    size_x = np.hypot(matrix[:, 0, 0], matrix[:, 1, 0])
    size_y = np.linalg.det(matrix) / size_x
    for size in (size_x, size_y):
        assert 1 / 1.3 - 1e-4 < size.min() < 0.775
        assert 1.29 < size.max() < 1.3 + 1e-4
    inner = (matrix[:, :, 0] * matrix[:, :, 1]).sum(1) / (size_x * size_y)
    assert 0.39 < np.abs(inner).max() < 0.4 + 1e-4
    assert 0.199 < np.abs(numbers["shift"].numpy()).max() <= 0.2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_size", 0),
        ("rotation", 0.6),
        ("shift", -1),
        ("scale", 0.5),
        ("shear", -0.1),
    ],
)
def test_bad_options_name_the_argument(name, value):
    with pytest.raises(ValueError, match=rf"`{name}`.*Received: "):
        RandomAffine(**{"image_size": 8, name: value})
