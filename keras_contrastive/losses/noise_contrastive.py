"""Noise contrastive estimation: to tell data from noise is to know the density."""

import math
from typing import Any

import tensorflow as tf

from keras_contrastive.energies.energy import Energy


def log_ratio(
    energy: Energy, noise: Any, x: tf.Tensor, constant: tf.Tensor | float
) -> tf.Tensor:
    """How much likelier a point is under the model than under the noise.

        G(x) = -E(x) + c - log p_noise(x)

    Args:
        energy: The model, up to its constant.
        noise: Has `log_prob(x)`, `(batch,)`, as the densities in
            `keras_contrastive.energies` and TensorFlow Probability have. It must give
            some probability wherever data are.
        x: Points, `(batch, ...)`, of the data or of the noise.
        constant: c, a number or scalar variable; -log Z once it is learned.

    Returns:
        `(batch,)`, in the energy's dtype.

    Raises:
        TypeError: If the noise has no `log_prob`.
        ValueError: If its `log_prob` is not one number a point, as of a distribution
            over single coordinates.
    """
    if not hasattr(noise, "log_prob"):
        raise TypeError(
            "`noise` must have a density, `log_prob(x)`, as `Gaussian`, `Uniform` and "
            f"`Bernoulli` have. Received: {noise!r}"
        )
    x = energy.points(x)
    energies = energy(x)
    density = tf.cast(noise.log_prob(x), energies.dtype)
    if not density.shape.is_compatible_with(energies.shape):
        raise ValueError(
            "`noise.log_prob` must return one number a point, of shape (batch,). "
            f"Received: {density.shape} for points of shape {x.shape}"
        )
    return tf.cast(constant, energies.dtype) - energies - density


def noise_contrastive(data: tf.Tensor, noise: tf.Tensor, ratio: int = 1) -> tf.Tensor:
    """Cross-entropy of telling each point of data from `ratio` points of noise.

    With G the log ratio of model to noise (see `log_ratio`) and nu the number of noise
    points a data point,

        softplus(-(G(x) - log nu)) + sum_{j = 1..nu} softplus(G(y_j) - log nu)

    Source: Gutmann & Hyvarinen 2012, "Noise-Contrastive Estimation of Unnormalized
    Statistical Models".

    Args:
        data: G of data, `(batch,)`.
        noise: G of noise, `(batch * ratio,)` or `(batch, ratio)`.
        ratio: nu, at least 1.

    Returns:
        One value a data point with its share of the noise, `(batch,)`, float32 or
        finer.

    Raises:
        ValueError: If `ratio` is not a positive integer or a shape is another.
    """
    if not isinstance(ratio, int) or isinstance(ratio, bool) or ratio < 1:
        raise ValueError(f"`ratio` must be a positive integer. Received: {ratio!r}")
    data, noise = _at_least_single(data), _at_least_single(noise)
    batch = data.shape[0] if data.shape.rank == 1 else None
    drawn = None if batch is None else batch * ratio
    flat = noise.shape.is_compatible_with([drawn])
    if data.shape.rank != 1 or not (
        flat or noise.shape.is_compatible_with([batch, ratio])
    ):
        raise ValueError(
            "`data` must have shape (batch,) and `noise` (batch * ratio,) or "
            f"(batch, ratio) with ratio={ratio}. "
            f"Received: {data.shape} and {noise.shape}"
        )
    noise = tf.reshape(noise, [-1, ratio])
    shift = math.log(ratio)
    told = tf.nn.softplus(shift - data)
    return told + tf.reduce_sum(tf.nn.softplus(noise - shift), axis=1)


def _at_least_single(x: tf.Tensor) -> tf.Tensor:
    x = tf.convert_to_tensor(x)
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
