"""Following an autoencoder's reconstructions to where they stay."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_contrastive.energies import AutoencoderEnergy
from keras_contrastive.samplers.checks import check_positive
from keras_contrastive.samplers.denoising_langevin import check_reconstructs


class Denoised(NamedTuple):
    """Where points have come to.

    Attributes:
        points: `(batch, ...)`.
        converged: Whether each moved by less than the tolerance in its last step,
            `(batch,)` bool.
        steps: Steps that were taken.
    """

    points: np.ndarray
    converged: np.ndarray
    steps: int


def denoise(
    energy: AutoencoderEnergy,
    x: Any,
    steps: int = 100,
    rate: float = 1.0,
    tolerance: float = 1e-4,
) -> Denoised:
    """Moves points along the reconstruction until they stay.

        x <- x + rate (r(x) - x)

    Args:
        energy: Of an autoencoder.
        x: Where to begin, `(batch, ...)`.
        steps: Steps at most, at least 1.
        rate: Share of the way to the reconstruction, in (0, 1].
        tolerance: Length of r(x) - x below which a point stays, above 0.

    Returns:
        The points, which of them stay, and the steps taken.

    Raises:
        TypeError: If `energy` is not of an autoencoder.
        ValueError: If a number is out of its range.
    """
    check_reconstructs(energy)
    check_positive("tolerance", tolerance)
    if not isinstance(steps, int) or steps < 1:
        raise ValueError(f"`steps` must be a positive integer. Received: {steps!r}")
    if not 0 < rate <= 1:
        raise ValueError(f"`rate` must be in (0, 1]. Received: {rate}")

    @tf.function(reduce_retracing=True)
    def step(x):
        field = energy.field(x)
        axes = list(range(1, x.shape.rank))
        return x + rate * field, tf.sqrt(tf.reduce_sum(field**2, axis=axes))

    x, taken, moved = energy.points(x), 0, np.array(np.inf)
    while taken < steps and moved.max() >= tolerance:
        x, moved = step(x)
        taken, moved = taken + 1, moved.numpy()
    return Denoised(x.numpy(), moved < tolerance, taken)
