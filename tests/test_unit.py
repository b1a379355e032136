import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive._unit import unit


@pytest.mark.parametrize("scale", [1e-29, 1e-12, 1e-7, 1.0, 1e19, 1e38])
def test_rows_of_any_length_get_length_one(scale):
    rows = np.random.default_rng(0).uniform(0.5, 3, (5, 7))
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(unit(scale * rows), expected, rtol=1e-6)


def test_the_gradient_is_that_of_the_direction():
    rows = np.random.default_rng(0).normal(size=(4, 5))
    pull = np.random.default_rng(1).normal(size=(4, 5))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units = rows / lengths
    along = (units * pull).sum(1, keepdims=True) * units
    for scale in (1e-8, 1.0, 1e10):
        x = tf.constant(scale * rows, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = tf.reduce_sum(unit(x) * tf.constant(pull, tf.float32))
        expected = (pull - along) / (scale * lengths)
        np.testing.assert_allclose(
            scale * tape.gradient(out, x), scale * expected, atol=1e-5
        )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_zeros_stay_and_their_gradient_is_finite(dtype):
    x = tf.constant([[0.0, 0.0], [3.0, 4.0]], dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = unit(x)
    np.testing.assert_allclose(out, [[0, 0], [0.6, 0.8]], atol=1e-6)
    gradient = tf.cast(tape.gradient(out, x), tf.float32)
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[0], [0, 0])


def test_what_is_not_finite_shows():
    rows = unit([[np.nan, 1], [np.inf, 1], [-np.inf, np.inf], [1, 0]]).numpy()
    assert np.isnan(rows[:3]).any(1).all()
    np.testing.assert_array_equal(rows[3], [1, 0])
