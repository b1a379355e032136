"""Rows of length 1: what a cosine compares."""

import tensorflow as tf

# Below it a row counts as zeros: its slope, the inverse of its length, would not be
# finite in float32 once it is multiplied by anything.
_LEAST = 1e-30


def unit(x: tf.Tensor) -> tf.Tensor:
    """Returns float32 rows of length 1: `x / |x|`, and 0 for a row of zeros.

    Of any length: each row is divided by its largest number first, or its squares
    would overflow or vanish. A row of zeros has no direction and the gradient 0.

    Args:
        x: `(batch, dim)`, any float type. A row that is not finite becomes NaN.
    """
    x = tf.cast(x, tf.float32)
    # Without a gradient: the direction does not depend on it.
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(x), axis=-1, keepdims=True))
    zero = largest < _LEAST
    scaled = tf.where(zero, 0.0, x) / tf.where(zero, 1.0, largest)
    return tf.math.l2_normalize(scaled, axis=-1)
