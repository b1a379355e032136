"""Random numbers from a seed, the same wherever they are drawn.

Two things would make them differ between a pipeline and a step that XLA compiles:
TensorFlow picks an algorithm by device unless it is told one, and XLA makes floats of
the random bits in another way. So the bits are drawn, and the floats made here.

The bits are those of `tf.random.stateless_uniform(alg="philox")`, drawn with fewer
operations: a step of an energy model has many draws, most of them of a single number.
"""

import math
from typing import Any

import tensorflow as tf

_PHILOX = 1
# What TensorFlow's own draws scramble a seed with.
_SCRAMBLING_KEY = 0x02461E293EC8F720


def draw_bits(shape: Any, seed: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Draws integers, all of whose bits are random.

    Args:
        shape: Shape of the result.
        seed: Two integers, `(2,)`.
        dtype: int32, int64, uint32 or uint64.
    """
    draw = tf.raw_ops.StatelessRandomUniformFullIntV2
    mixed = draw(
        shape=[2],
        key=tf.constant([_SCRAMBLING_KEY], tf.uint64),
        counter=tf.cast(seed, tf.uint64),
        alg=_PHILOX,
        dtype=tf.uint64,
    )
    # The first is the key, the other where in its stream to begin.
    counter = mixed * tf.constant([0, 1], tf.uint64)
    return draw(shape=shape, key=mixed[:1], counter=counter, alg=_PHILOX, dtype=dtype)


def uniform(
    shape: Any, seed: tf.Tensor, low: float = 0.0, high: float = 1.0
) -> tf.Tensor:
    """Draws float32 numbers from [low, high).

    Args:
        shape: Shape of the result.
        seed: Two integers, `(2,)`.
        low: Lowest value.
        high: What all values are below.
    """
    bits = draw_bits(shape, seed, tf.uint32)
    # The 24 bits that float32 holds exactly.
    unit = tf.cast(tf.bitwise.right_shift(bits, 8), tf.float32) * 2.0**-24
    return low + (high - low) * unit


def fresh() -> tf.Tensor:
    """Returns a new seed `(2,)` each time, from TensorFlow's own generator."""
    highest = tf.int32.max
    return tf.random.uniform([2], 0, highest, tf.int32)


def fold_in(seed: tf.Tensor, data: tf.Tensor | int) -> tf.Tensor:
    """Returns a seed `(2,)` that depends on both the seed and an integer.

    As `tf.random.fold_in(alg="philox")`.
    """
    data = tf.convert_to_tensor(data)
    return tf.stack([draw_bits([], seed, data.dtype), data])


def integers(shape: Any, seed: tf.Tensor, high: tf.Tensor | int) -> tf.Tensor:
    """Draws int64 numbers from [0, high).

    The remainder of 63 random bits, so that no number is favoured by more than a share
    of high / 2^63.

    Args:
        shape: Shape of the result.
        seed: Two integers, `(2,)`.
        high: What all numbers are below, at least 1.
    """
    bits = draw_bits(shape, seed, tf.uint64)
    bits = tf.cast(tf.bitwise.right_shift(bits, tf.ones_like(bits)), tf.int64)
    return tf.math.floormod(bits, tf.cast(high, tf.int64))


def bits(probabilities: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws numbers that are 1 with the given probabilities, and else 0.

    Each is compared with a uniform number of 24 bits, 16 of them its own and the lowest
    8 its row's, as random bits are most of the cost. By itself each is as likely as it
    should be; given the row's bits its probability moves by less than 2^-16, so the
    covariance of two in a row is below 2^-34.

    Args:
        probabilities: `(batch, n)`, float32 or finer.
        seed: Two integers, `(2,)`.

    Returns:
        As `probabilities`; not a number where the probability is none.
    """
    shape = tf.shape(probabilities)
    count = shape[0] * shape[1]
    words = (count + 1) // 2
    drawn = draw_bits([words + shape[0]], seed, tf.uint32)
    own = tf.reshape(tf.bitcast(drawn[:words], tf.int16), [-1])[:count]
    rows = tf.cast(tf.bitwise.right_shift(drawn[words:], 24), tf.float32) * 2.0**-8
    # Of signed numbers, so from -2^15 on; every sum is exact in float32.
    unit = tf.cast(tf.reshape(own, shape), tf.float32) + (rows[:, None] + 2.0**15)
    unit = tf.cast(unit * 2.0**-16, probabilities.dtype)
    # And not `<`, which would make a 0 of what is not a number.
    return tf.nn.relu(tf.sign(probabilities - unit))


def normal(shape: Any, seed: tf.Tensor) -> tf.Tensor:
    """Draws float32 numbers of mean 0 and variance 1, by Box and Muller.

    Two numbers of a radius, from 32 random bits, and an angle, from 16, as the bits are
    most of the cost. The mean of a smooth function over 2^16 angles is its mean over
    all of them to rounding: the trapezoidal rule on a circle.

    Made here, and not by TensorFlow, because XLA's normal numbers are others than the
    kernel's.

    Args:
        shape: Shape of the result.
        seed: Two integers, `(2,)`.
    """
    count = tf.reduce_prod(tf.cast(shape, tf.int32))
    fours = (count + 3) // 4
    bits = draw_bits([3 * fours], seed, tf.uint32)
    # In [2^-33, 1], of which there is a logarithm.
    unit = tf.cast(bits[: 2 * fours], tf.float32) * 2.0**-32 + 2.0**-33
    radius = tf.sqrt(-2 * tf.math.log(unit))
    halves = tf.reshape(tf.bitcast(bits[2 * fours :], tf.int16), [-1])
    angle = tf.cast(halves, tf.float32) * (2 * math.pi * 2.0**-16)
    numbers = tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], axis=0)
    return tf.reshape(numbers[:count], shape)
