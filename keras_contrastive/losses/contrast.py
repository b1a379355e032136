"""Contrasts: how the energies of data and of samples make a loss."""

import math
from collections.abc import Callable

import tensorflow as tf


def contrast(
    positive: tf.Tensor,
    negative: tf.Tensor,
    kind: str = "difference",
    margin: float = 1.0,
) -> tf.Tensor:
    """A loss that falls as data's energies fall and samples' energies rise.

    - "difference": E+ - E-, whose gradient is that of maximum likelihood when the
      samples are the model's;
    - "margin": max(0, m + E+ - E-), which rests once they are m apart;
    - "softplus": softplus(E+ - E-), its smooth relative, with no margin;
    - "square_square": (E+)^2 + max(0, m - E-)^2, which pulls the data to 0.

    All but the last depend on differences of energies alone.

    Source: LeCun et al. 2006, "A Tutorial on Energy-Based Learning", section 2.

    Args:
        positive: E+, energies of data, `(batch,)`.
        negative: E-, energies of samples, `(batch,)`.
        kind: One of the above.
        margin: m of "margin" and "square_square", above 0.

    Returns:
        One value a pair, `(batch,)`, float32 or finer.

    Raises:
        ValueError: If the kind is unknown, the margin is not above 0 or the shapes are
            not one `(batch,)`.
    """
    check_contrast(kind, margin)
    positive, negative = map(tf.convert_to_tensor, (positive, negative))
    if positive.shape.rank != 1 or not positive.shape.is_compatible_with(
        negative.shape
    ):
        raise ValueError(
            "`positive` and `negative` must have one shape (batch,). "
            f"Received: {positive.shape} and {negative.shape}"
        )
    dtype = tf.float64 if positive.dtype == tf.float64 else tf.float32
    return CONTRASTS[kind](tf.cast(positive, dtype), tf.cast(negative, dtype), margin)


def _difference(positive: tf.Tensor, negative: tf.Tensor, margin: float) -> tf.Tensor:
    return positive - negative


def _margin(positive: tf.Tensor, negative: tf.Tensor, margin: float) -> tf.Tensor:
    return tf.nn.relu(margin + positive - negative)


def _softplus(positive: tf.Tensor, negative: tf.Tensor, margin: float) -> tf.Tensor:
    return tf.nn.softplus(positive - negative)


def _square_square(
    positive: tf.Tensor, negative: tf.Tensor, margin: float
) -> tf.Tensor:
    return positive**2 + tf.nn.relu(margin - negative) ** 2


CONTRASTS: dict[str, Callable[[tf.Tensor, tf.Tensor, float], tf.Tensor]] = {
    "difference": _difference,
    "margin": _margin,
    "softplus": _softplus,
    "square_square": _square_square,
}


def check_contrast(kind: str, margin: float = 1.0, name: str = "kind") -> str:
    """Returns the contrast's name.

    Args:
        kind: The contrast.
        margin: Its margin.
        name: What the caller calls `kind`.

    Raises:
        ValueError: If it is unknown, or the margin is not a finite number above 0.
    """
    if kind not in CONTRASTS:
        raise ValueError(
            f"`{name}` must be one of {', '.join(CONTRASTS)}. Received: {kind!r}"
        )
    if not (math.isfinite(margin) and margin > 0):
        raise ValueError(
            f"`margin` must be a finite number above 0. Received: {margin}"
        )
    return kind
