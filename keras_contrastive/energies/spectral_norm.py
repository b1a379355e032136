"""Spectral normalisation as a constraint: no layer grows what passes it."""

import math
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies.energy import check_units


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SpectralNorm(keras.constraints.Constraint):
    """Keeps a kernel's largest singular value at most at a limit.

        W <- W / max(1, sigma(W) / limit)

    after each update of the optimizer. An energy of such layers cannot become steep,
    which keeps its chains from running away. Unlike the layer
    `keras.layers.SpectralNormalization` it has no vector of its own that a call could
    change, needs no call in training mode and never makes a kernel larger.

    Of a convolution's kernel `(height, width, in, out)` the norm is that of the matrix
    `(height * width * in, out)`, as in the paper. It comes from power iterations that
    begin anew each time, so it is a few per cent too small where singular values lie
    close together.

    Source: Miyato et al. 2018 (https://arxiv.org/abs/1802.05957).

    Args:
        limit: Largest singular value allowed, above 0.
        iterations: Power iterations an update.

    Raises:
        ValueError: If `limit` is not above 0 or `iterations` is no positive integer.
    """

    def __init__(self, limit: float = 1.0, iterations: int = 20):
        if not (math.isfinite(limit) and limit > 0):
            raise ValueError(
                f"`limit` must be a finite number above 0. Received: {limit}"
            )
        self.limit = limit
        self.iterations = check_units("iterations", iterations)

    def __call__(self, w: tf.Tensor) -> tf.Tensor:
        """Returns the kernel, `(..., out)`, shrunk where it must be."""
        w = tf.convert_to_tensor(w)
        matrix = tf.reshape(w, [-1, w.shape[-1]])
        right = tf.cast(_seeded.normal([matrix.shape[1]], [0, 0]), w.dtype)
        for _ in range(self.iterations):
            left = tf.math.l2_normalize(tf.linalg.matvec(matrix, right))
            right = tf.linalg.matvec(matrix, left, transpose_a=True)
        return w / tf.maximum(1.0, tf.norm(right) / self.limit)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"limit": self.limit, "iterations": self.iterations}
