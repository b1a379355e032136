"""The fully visible Boltzmann machine: bits that agree or disagree in pairs."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.energies.energy import Energy, check_units


@keras.saving.register_keras_serializable(package="keras_contrastive")
class BoltzmannMachine(Energy):
    """All pairs of bits coupled, none hidden.

        E(x) = - sum_i b_i x_i - sum_{i < j} J_ij x_i x_j

    Of the matrix J what stands above the diagonal counts, so that no symmetry has to be
    kept; the rest is 0, has no gradient and stays 0.

    Source: Ackley, Hinton & Sejnowski 1985, "A Learning Algorithm for Boltzmann
    Machines".

    Args:
        units: Number of bits d.
        stddev: Standard deviation of the couplings and biases at the start, at least 0.
        seed: Of these; None draws one.
        **kwargs: `name`, `dtype`, `trainable`.

    Attributes:
        couplings: J, a variable `(d, d)`, of which J_ij with i < j counts.
        biases: b, a variable `(d,)`.

    Raises:
        ValueError: If `units` is not a positive integer or `stddev` is negative.
    """

    domain = "bits"

    def __init__(
        self, units: int, stddev: float = 0.01, seed: int | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.units = check_units("units", units)
        if not stddev >= 0:
            raise ValueError(f"`stddev` must be at least 0. Received: {stddev}")
        self.stddev = stddev
        self.seed = seed
        self.event_shape = (units,)
        initializer = keras.initializers.RandomNormal(0.0, stddev, seed)
        self.couplings = self.add_weight(
            shape=(units, units),
            initializer=lambda *args, **kwargs: tf.linalg.set_diag(
                tf.linalg.band_part(initializer(*args, **kwargs), 0, -1),
                tf.zeros(units, self.compute_dtype),
            ),
            name="couplings",
        )
        self.biases = self.add_weight(
            shape=(units,), initializer=initializer.clone(), name="biases"
        )
        self.built = True

    def matrix(self) -> tf.Tensor:
        """Returns the couplings as a symmetric matrix `(d, d)` with a zero diagonal."""
        upper = tf.linalg.band_part(self.couplings, 0, -1)
        both = upper + tf.transpose(upper)
        return tf.linalg.set_diag(both, tf.zeros_like(self.biases))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the energy of each point, `(batch,)`."""
        # Half of the symmetric form, which meets every pair twice.
        pairs = tf.reduce_sum(tf.linalg.matmul(x, self.matrix()) * x, axis=1) / 2
        return -tf.linalg.matvec(x, self.biases) - pairs

    def flip_differences(self, x: tf.Tensor) -> tf.Tensor:
        """Returns D_i = (2 x_i - 1) (b_i + sum_j J_ij x_j), `(batch, d)`."""
        x = self.points(x)
        return (2 * x - 1) * (self.biases + tf.linalg.matmul(x, self.matrix()))

    def site_differences(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        """Returns a function of bits and a site to D_i, `(batch,)`; see `Energy`."""
        matrix, biases = self.matrix(), tf.convert_to_tensor(self.biases)

        def difference(x: tf.Tensor, site: tf.Tensor) -> tf.Tensor:
            x = self.points(x)
            field = tf.gather(biases, site)
            field += tf.linalg.matvec(x, tf.gather(matrix, site))
            return (2 * tf.gather(x, site, axis=1) - 1) * field

        return difference

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        own = {"units": self.units, "stddev": self.stddev, "seed": self.seed}
        return {**super().get_config(), **own}
