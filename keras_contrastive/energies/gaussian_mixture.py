"""A mixture of normal densities: several bowls, and passes between them."""

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
class GaussianMixture(Density):
    """Normal densities N(m_k, C_k) in shares w_k.

        E(x) = -log sum_k w_k N(x; m_k, C_k)

    Args:
        means: m_k, `(components, d)`.
        covariances: C_k, `(components, d, d)`; or variances `(components, d)`, or
            `(components,)` the same along all axes, or one for all.
        weights: w_k, `(components,)`, above 0 and summing to 1; None: equal ones.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: If a number is not finite, a covariance is not symmetric and
            positive definite, the weights are no shares, or the shapes do not fit.
    """

    def __init__(
        self, means: Any, covariances: Any = 1.0, weights: Any = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.means = finite("means", means)
        if self.means.ndim != 2 or not self.means.size:
            raise ValueError(
                "`means` must have shape (components, d). "
                f"Received: shape {self.means.shape}"
            )
        count, d = self.means.shape
        self.event_shape = (d,)
        self.covariances = finite("covariances", covariances)
        equal = np.full(count, 1 / count)
        self.shares = equal if weights is None else finite("weights", weights)
        if (
            self.shares.shape != (count,)
            or not (self.shares > 0).all()
            or not np.isclose(self.shares.sum(), 1)
        ):
            raise ValueError(
                f"`weights` must be {count} numbers above 0 that sum to 1. "
                f"Received: {weights}"
            )
        # L_k of C_k = L_k L_k^T, (components, d, d). Inverted here, in float64.
        self._roots = cholesky("covariances", self._matrices())
        self._whiten = np.swapaxes(np.linalg.inv(self._roots), 1, 2)
        scales = np.diagonal(self._roots, axis1=1, axis2=2)
        self._constants = (
            np.log(self.shares) - np.log(scales).sum(axis=1) - d * LOG_ROOT_TWO_PI
        )
        self.built = True

    def _matrices(self) -> np.ndarray:
        """The covariances as `(components, d, d)`, whatever they were given as."""
        count, d = self.means.shape
        shape = self.covariances.shape
        if shape == (count, d, d):
            return self.covariances
        if shape not in ((), (count,), (count, d)):
            raise ValueError(
                f"`covariances` must be a number or of shape ({count},), "
                f"({count}, {d}) or ({count}, {d}, {d}). Received: shape {shape}"
            )
        columns = self.covariances[:, None] if len(shape) == 1 else self.covariances
        return np.broadcast_to(columns, (count, d))[..., None] * np.eye(d)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the energy of each point, `(batch,)`."""
        return -tf.reduce_logsumexp(self._joint(x), axis=1)

    def _joint(self, x: tf.Tensor) -> tf.Tensor:
        """Log w_k N(x; m_k, C_k), `(batch, components)`."""
        away = x[:, None] - tf.constant(self.means, x.dtype)
        white = tf.einsum("bkd,kde->bke", away, tf.constant(self._whiten, x.dtype))
        return tf.constant(self._constants, x.dtype) - tf.reduce_sum(white**2, 2) / 2

    def component_probabilities(self, x: tf.Tensor) -> tf.Tensor:
        """Returns p(k | x), `(batch, components)`: which bowl each point is in."""
        return tf.nn.softmax(self._joint(self.points(x)), axis=1)

    def draw(self, count: tf.Tensor | int, seed: tf.Tensor) -> tf.Tensor:
        """Returns `(count, d)` points, each of a component drawn by the weights."""
        uniform = _seeded.uniform([count], _seeded.fold_in(seed, 0))
        below = tf.constant(np.cumsum(self.shares)[:-1], tf.float32)
        component = tf.searchsorted(below, uniform, side="right")
        shape = [count, self.event_shape[0]]
        noise = _seeded.normal(shape, _seeded.fold_in(seed, 1))
        roots = tf.gather(tf.constant(self._roots, self.compute_dtype), component)
        moved = tf.linalg.matvec(roots, tf.cast(noise, self.compute_dtype))
        return tf.gather(tf.constant(self.means, moved.dtype), component) + moved

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "means": self.means.tolist(),
            "covariances": self.covariances.tolist(),
            "weights": self.shares.tolist(),
        }
