"""Rows of length 1: what a cosine compares."""

import tensorflow as tf

_EPSILON = 1e-12


def unit(x: tf.Tensor) -> tf.Tensor:
    """Returns float32 rows of length 1: `x / |x|`, and 0 for a row of zeros.

    Args:
        x: `(batch, dim)`, any float type. Squares of float16 would overflow, so the
            cast comes first.
    """
    return tf.math.l2_normalize(tf.cast(x, tf.float32), axis=-1, epsilon=_EPSILON)
