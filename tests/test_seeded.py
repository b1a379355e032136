"""The package's own random numbers: their laws, and the same under XLA."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from keras_contrastive import _seeded

# One seed in ten thousand would miss, if they were not fixed.
FALSE_ALARM = 1e-4


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64, tf.uint32, tf.uint64])
@pytest.mark.parametrize("seed", [[1, 2], [-1, -7], [2**62, 3 - 2**61]])
def test_bits_are_those_of_tensorflow_and_the_same_under_xla(seed, dtype):
    seed = tf.constant(seed, tf.int64)
    compiled = tf.function(_seeded.draw_bits, jit_compile=True)
    for shape in ([], [1], [3, 5]):
        expected = tf.random.stateless_uniform(
            shape, seed, minval=None, maxval=None, dtype=dtype, alg="philox"
        )
        for draw in (_seeded.draw_bits, compiled):
            np.testing.assert_array_equal(draw(shape, seed, dtype), expected)


@pytest.mark.parametrize("data", [0, 7, np.int64(2**40)])
def test_a_folded_seed_is_that_of_tensorflow(data):
    data = tf.convert_to_tensor(data)
    expected = tf.random.fold_in([3, 4], data, alg="philox")
    folded = _seeded.fold_in([3, 4], data)
    assert folded.dtype == expected.dtype
    np.testing.assert_array_equal(folded, expected)


@pytest.mark.parametrize("shape", [[], [0], [1], [3], [4, 5], [2, 3, 7]])
def test_normal_numbers_have_any_shape_and_are_the_same_under_xla(shape):
    plain = _seeded.normal(shape, [1, 2])
    compiled = tf.function(lambda: _seeded.normal(shape, [1, 2]), jit_compile=True)()
    assert plain.shape == shape
    np.testing.assert_allclose(plain, compiled, atol=1e-6)
    assert len(np.unique(plain)) == plain.numpy().size


def test_normal_numbers_are_normal_and_do_not_know_each_other():
    numbers = _seeded.normal([400_000], [3, 4]).numpy()
    assert scipy.stats.kstest(numbers, "norm").pvalue > FALSE_ALARM
    for power in (numbers, numbers**2):
        # What shares a radius stands half of the numbers apart.
        for lag in (1, 2, 200_000):
            correlation = np.corrcoef(power[:-lag], power[lag:])[0, 1]
            assert abs(correlation) < 3.9 / np.sqrt(len(numbers) - lag)
    beyond = (np.abs(numbers) > 4).sum()
    expected = 2 * scipy.stats.norm.sf(4) * len(numbers)
    assert abs(beyond - expected) < 4 * np.sqrt(expected)


def test_bits_are_as_likely_as_they_should_be():
    p = np.array([0.0, 2e-5, 0.001, 0.3, 0.5, 0.9, 1.0], "float32")
    rows = 400_000
    drawn = _seeded.bits(tf.tile(p[None], [rows, 1]), [5, 6]).numpy()
    assert set(np.unique(drawn)) == {0, 1}
    assert not np.signbit(drawn).any()
    for probability, ones in zip(p, drawn.sum(axis=0), strict=True):
        test = scipy.stats.binomtest(int(ones), rows, float(probability))
        assert test.pvalue > FALSE_ALARM
    pairs = np.corrcoef(drawn[:, 2:6].T) - np.eye(4)
    assert np.abs(pairs).max() < 4.5 / np.sqrt(rows)


@pytest.mark.parametrize("shape", [[3, 5], [4, 4], [1, 1]])
def test_bits_are_the_same_under_xla_and_tell_what_is_no_number(shape):
    p = np.random.default_rng(0).uniform(size=shape).astype("float32")
    p[0, 0] = np.nan
    plain = _seeded.bits(tf.constant(p), [1, 2])
    compiled = tf.function(_seeded.bits, jit_compile=True)(tf.constant(p), [1, 2])
    np.testing.assert_array_equal(plain, compiled)
    np.testing.assert_array_equal(np.isnan(plain), np.isnan(p))


def test_the_lowest_bits_of_a_uniform_number_are_the_row_s(monkeypatch):
    """All 2^24 numbers are there: of own bits k and the row's j, (256 k + j) / 2^24."""
    words = np.array([0x0001_FFFF, 0x8000_7FFF, 0x1200_0000, 0xFF00_0000], "uint32")
    monkeypatch.setattr(_seeded, "draw_bits", lambda *_: tf.constant(words))
    own = np.array([[0xFFFF, 0x0001], [0x7FFF, 0x8000]], "uint16").view("int16")
    unit = (256 * (own.astype(int) + 2**15) + [[0x12], [0xFF]]) / 2**24
    for shift, expected in ((0.0, 0.0), (2.0**-24, 1.0)):
        p = tf.constant(unit + shift, tf.float32)
        np.testing.assert_array_equal(
            _seeded.bits(p, [0, 0]), np.full((2, 2), expected)
        )
