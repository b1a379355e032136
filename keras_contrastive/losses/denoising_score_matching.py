"""Denoising score matching: the slope of the energy points away from the clean data."""

import math

import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies.energy import Energy
from keras_contrastive.losses.energy_checks import check_energy


def denoising_score_matching(
    energy: Energy,
    x: tf.Tensor,
    stddev: float,
    noise: tf.Tensor | None = None,
    seed: tf.Tensor | None = None,
) -> tf.Tensor:
    """Squared distance of the energy's slope at a noisy point to the noise's own.

    With x~ = x + sigma n and n ~ N(0, 1),

        1/2 | grad E(x~) - (x~ - x) / sigma^2 |^2

    whose minimum is the energy of the data's density smoothed by the noise. Its values
    are about d / (2 sigma^2), of which d is the number of dimensions.

    Source: Vincent 2011, "A Connection Between Score Matching and Denoising
    Autoencoders".

    Args:
        energy: Over reals.
        x: Clean data, `(batch, ...)`.
        stddev: sigma, above 0.
        noise: The draws n, as `x`; None draws them.
        seed: Of the draws, `(2,)`; None draws one.

    Returns:
        One value a point, `(batch,)`, in the energy's dtype.

    Raises:
        TypeError: If `energy` is no energy.
        ValueError: If `energy` is not over reals, `stddev` is not above 0, both `noise`
            and `seed` are given, or the points or the noise have another shape.
    """
    x = check_energy(energy, "reals").points(x)
    if not (math.isfinite(stddev) and stddev > 0):
        raise ValueError(
            f"`stddev` must be a finite number above 0. Received: {stddev}"
        )
    if noise is None:
        noise = _seeded.normal(tf.shape(x), _seeded.fresh() if seed is None else seed)
        noise = tf.ensure_shape(noise, x.shape)
    elif seed is not None:
        raise ValueError(
            f"`noise` and `seed` must not both be given. Received: seed={seed}"
        )
    noise = tf.cast(noise, x.dtype)
    if not noise.shape.is_compatible_with(x.shape):
        raise ValueError(
            f"`noise` must have the shape of `x`, {x.shape}. Received: {noise.shape}"
        )
    # The score is minus the slope, and (x~ - x) / sigma^2 = n / sigma.
    residual = energy.score(x + stddev * noise) + noise / stddev
    return tf.reduce_sum(residual**2, list(range(1, x.shape.rank))) / 2
