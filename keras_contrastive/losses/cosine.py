"""Cosine similarity over a temperature: minus the energy of a pair."""

import math

import tensorflow as tf

from keras_contrastive._unit import unit

__all__ = ["MASKED", "ROUNDING", "check_pairs", "check_temperature", "closest", "unit"]

# Far below any logit, and finite in float32, so its gradient is zero and not NaN.
MASKED = -1e9
# Two cosines in float32 that differ by less may be one.
ROUNDING = 1e-6


def closest(logits: tf.Tensor, positive: tf.Tensor, temperature: float) -> tf.Tensor:
    """Returns whether the positive is closer than every other candidate.

    By more than rounding, so that it is not where all embeddings are one point, nor
    where a logit is NaN.

    Args:
        logits: Cosine similarities over the temperature, `(batch, candidates)`.
        positive: Column of each row's positive, `(batch,)` int32.
        temperature: Above 0.

    Returns:
        `(batch,)` bool.
    """
    own = tf.gather(logits, positive, batch_dims=1)[:, None]
    behind = tf.cast(logits < own - ROUNDING / temperature, tf.int32)
    return tf.reduce_sum(behind, axis=1) == tf.shape(logits)[1] - 1


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


def check_pairs(
    z1: tf.Tensor, z2: tf.Tensor, least: int, names: tuple[str, str] = ("z1", "z2")
) -> None:
    """Checks two batches of embeddings as far as their shapes are static.

    Args:
        z1: The first batch.
        z2: The second.
        least: Fewest rows.
        names: What the caller calls them.

    Raises:
        ValueError: If they are not two equal `(batch, dim)` shapes with at least
            `least` rows.
    """
    both = f"`{names[0]}` and `{names[1]}`"
    if z1.shape.rank != 2 or not z1.shape.is_compatible_with(z2.shape):
        raise ValueError(
            f"{both} must have one shape (batch, dim). "
            f"Received: {z1.shape} and {z2.shape}"
        )
    if z1.shape[0] is not None and z1.shape[0] < least:
        raise ValueError(
            f"{both} must hold at least {least} rows: a pair alone has no "
            f"negatives. Received: {z1.shape[0]}"
        )
