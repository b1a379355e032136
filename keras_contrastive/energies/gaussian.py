"""The normal density: a bowl."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies.density import (
    LOG_ROOT_TWO_PI,
    Density,
    cholesky,
    finite,
)


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Gaussian(Density):
    """Normal density of given mean and covariance.

        E(x) = 1/2 (x - m)^T C^-1 (x - m) + 1/2 log det C + d/2 log(2 pi)

    Args:
        mean: m, of a point's shape.
        covariance: C, of a point `(d,)` the matrix `(d, d)`; or variances of a point's
            shape; or one variance for all.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: If a number is not finite, the covariance is not symmetric and
            positive definite, or the shapes do not fit.
    """

    def __init__(self, mean: Any, covariance: Any = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.mean = finite("mean", mean)
        self.covariance = finite("covariance", covariance)
        self.event_shape = self.mean.shape
        d = self.mean.size
        self._full = self.mean.ndim == 1 and self.covariance.shape == (d, d)
        if not self._full and self.covariance.shape not in ((), self.mean.shape):
            raise ValueError(
                "`covariance` must be a number, of shape (d, d), or of the mean's "
                f"shape {self.mean.shape}. Received: shape {self.covariance.shape}"
            )
        # L of C = L L^T, or what of it is on the diagonal. Inverted here, in float64.
        if self._full:
            self._root = cholesky("covariance", self.covariance)
            self._whiten = np.linalg.inv(self._root).T
            scales = np.diag(self._root)
        else:
            if not (self.covariance > 0).all():
                raise ValueError(
                    f"`covariance` must be above 0. Received: {covariance}"
                )
            self._root = np.sqrt(self.covariance)
            self._whiten = 1 / self._root
            scales = np.broadcast_to(self._root, self.mean.shape)
        self._constant = float(np.log(scales).sum()) + d * LOG_ROOT_TWO_PI
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the energy of each point, `(batch,)`."""
        axes = list(range(1, x.shape.rank))
        white = self._times(x - tf.constant(self.mean, x.dtype), self._whiten)
        return tf.reduce_sum(white**2, axes) / 2 + self._constant

    def draw(self, count: tf.Tensor | int, seed: tf.Tensor) -> tf.Tensor:
        """Returns `(count, *event_shape)` normal points."""
        shape = tf.concat([[count], tf.constant(self.event_shape, tf.int32)], 0)
        noise = tf.cast(_seeded.normal(shape, seed), self.compute_dtype)
        return tf.constant(self.mean, noise.dtype) + self._times(noise, self._root.T)

    def _times(self, x: tf.Tensor, root: np.ndarray) -> tf.Tensor:
        root = tf.constant(root, x.dtype)
        return tf.linalg.matmul(x, root) if self._full else x * root

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        own = {"mean": self.mean.tolist(), "covariance": self.covariance.tolist()}
        return {**super().get_config(), **own}
