"""Cosine similarity over a temperature: minus the energy of a pair."""

import math

import tensorflow as tf

# Far below any logit, and finite in float32, so its gradient is zero and not NaN.
MASKED = -1e9
_EPSILON = 1e-12


def unit(x: tf.Tensor) -> tf.Tensor:
    """Returns float32 rows of length 1: `x / |x|`, and 0 for a row of zeros.

    Args:
        x: `(batch, dim)`, any float type. Squares of float16 would overflow, so the
            cast comes first.
    """
    return tf.math.l2_normalize(tf.cast(x, tf.float32), axis=-1, epsilon=_EPSILON)


def check_temperature(temperature: float) -> float:
    """Returns the temperature.

    Raises:
        ValueError: If it is not a finite number above 0.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(
            f"`temperature` must be a finite number above 0. Received: {temperature}"
        )
    return temperature


def check_pairs(z1: tf.Tensor, z2: tf.Tensor, least: int) -> None:
    """Checks two batches of embeddings as far as their shapes are static.

    Raises:
        ValueError: If they are not two equal `(batch, dim)` shapes with at least
            `least` rows.
    """
    if z1.shape.rank != 2 or not z1.shape.is_compatible_with(z2.shape):
        raise ValueError(
            "`z1` and `z2` must have one shape (batch, dim). "
            f"Received: {z1.shape} and {z2.shape}"
        )
    if z1.shape[0] is not None and z1.shape[0] < least:
        raise ValueError(
            f"`z1` and `z2` must hold at least {least} rows: a pair alone has no "
            f"negatives. Received: {z1.shape[0]}"
        )
