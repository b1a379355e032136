"""A density: an energy whose Z is 1, and that can be drawn from without a chain."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies.energy import Energy


class Density(Energy):
    """An energy that is minus a normalised log density, E(x) = -log p(x).

    What noise contrastive estimation takes as noise, what annealed importance sampling
    starts from, and what a sampler is tested against. It has no weights to train. A
    subclass sets `event_shape`, and in `draw` makes points of a seed.

    Attributes:
        log_partition: log Z, which is 0.
    """

    log_partition: float = 0.0

    def log_prob(self, x: tf.Tensor) -> tf.Tensor:
        """Returns log p(x), `(batch,)`, of points `(batch, ...)`."""
        return -self(x)

    def sample(
        self, count: tf.Tensor | int, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Draws independent points.

        Args:
            count: How many, an integer or scalar tensor.
            seed: Two integers, `(2,)`: the same seed gives the same points; None draws
                one.

        Returns:
            `(count, *event_shape)`, in the energy's dtype. No gradient flows through.

        Raises:
            ValueError: If `count` is negative or `seed` is not two integers.
        """
        if isinstance(count, int) and count < 0:
            raise ValueError(f"`count` must be at least 0. Received: {count}")
        seed = _seeded.fresh() if seed is None else tf.convert_to_tensor(seed)
        if not seed.dtype.is_integer or not seed.shape.is_compatible_with([2]):
            raise ValueError(f"`seed` must be two integers. Received: {seed}")
        points = tf.cast(self.draw(count, seed), self.compute_dtype)
        static = count if isinstance(count, int) else None
        return tf.stop_gradient(tf.ensure_shape(points, [static, *self.event_shape]))

    def draw(self, count: tf.Tensor | int, seed: tf.Tensor) -> tf.Tensor:
        """Returns `(count, *event_shape)` of a checked count and seed."""
        raise NotImplementedError


def finite(name: str, value: Any) -> np.ndarray:
    """Returns numbers in float64.

    Raises:
        ValueError: If one of them is not finite.
    """
    numbers = np.asarray(value, np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(f"`{name}` must be finite. Received: {value}")
    return numbers


def cholesky(name: str, covariance: np.ndarray) -> np.ndarray:
    """Returns L of covariance = L L^T, `(..., d, d)`.

    Raises:
        ValueError: If a covariance is not symmetric and positive definite.
    """
    try:
        if not np.allclose(covariance, np.swapaxes(covariance, -1, -2)):
            raise np.linalg.LinAlgError
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"`{name}` must be symmetric and positive definite. Received: {covariance}"
        ) from None


LOG_ROOT_TWO_PI = math.log(2 * math.pi) / 2
