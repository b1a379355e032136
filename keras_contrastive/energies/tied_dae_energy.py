"""The energy whose score matching is a denoising autoencoder's squared error."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.energies.autoencoder_energy import AutoencoderEnergy
from keras_contrastive.energies.energy import check_units


@keras.saving.register_keras_serializable(package="keras_contrastive")
class TiedDAEEnergy(AutoencoderEnergy):
    """The energy of an autoencoder with one sigmoid layer and tied weights.

        E(x) = -( c.x - |x|^2 / 2 + sum_j softplus( b_j + (x W)_j ) ) / sigma^2
        r(x) = c + W sigmoid( b + x W )
        -dE/dx = (r(x) - x) / sigma^2

    Its denoising score matching at the deviation sigma is, point by point, the squared
    error of the denoising autoencoder r over 2 sigma^4. Unlike `ReconstructionEnergy`,
    exp(-E) is a density, and its maxima alone are where r(x) = x and stays.

    Source: Vincent 2011, "A Connection Between Score Matching and Denoising
    Autoencoders", section 4.

    Args:
        visible: Numbers of a point.
        hidden: Units of the layer.
        stddev: sigma, above 0.
        seed: Of the kernel at the start; None draws one.
        **kwargs: `name`, `dtype`, `trainable`.

    Attributes:
        kernel: W, a variable `(visible, hidden)`.
        hidden_biases: b, a variable `(hidden,)`.
        visible_biases: c, a variable `(visible,)`.

    Raises:
        ValueError: If a number is not positive.
    """

    def __init__(
        self,
        visible: int,
        hidden: int,
        stddev: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.visible = check_units("visible", visible)
        self.hidden = check_units("hidden", hidden)
        if not 0 < stddev < float("inf"):
            raise ValueError(
                f"`stddev` must be a finite number above 0. Received: {stddev}"
            )
        self.stddev = stddev
        self.seed = seed
        self.event_shape = (visible,)
        self.kernel = self.add_weight(
            shape=(visible, hidden),
            initializer=keras.initializers.GlorotUniform(seed),
            name="kernel",
        )
        self.hidden_biases = self.add_weight(
            shape=(hidden,), initializer="zeros", name="hidden_biases"
        )
        self.visible_biases = self.add_weight(
            shape=(visible,), initializer="zeros", name="visible_biases"
        )
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the energy of each point, `(batch,)`."""
        softplus = tf.nn.softplus(self._hidden(x))
        likely = tf.linalg.matvec(x, self.visible_biases) + tf.reduce_sum(softplus, 1)
        return (tf.reduce_sum(x * x, axis=1) / 2 - likely) / self.stddev**2

    def reconstruct(self, x: tf.Tensor) -> tf.Tensor:
        """Returns r(x), `(batch, visible)`."""
        hidden = tf.sigmoid(self._hidden(self.points(x)))
        return tf.matmul(hidden, self.kernel, transpose_b=True) + self.visible_biases

    def energy_and_score(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns energies `(batch,)` and scores `(batch, visible)`, in closed form."""
        x = self.points(x)
        return self(x), (self.reconstruct(x) - x) / self.stddev**2

    def _hidden(self, x: tf.Tensor) -> tf.Tensor:
        return tf.matmul(x, self.kernel) + self.hidden_biases

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "visible": self.visible,
            "hidden": self.hidden,
            "stddev": self.stddev,
            "seed": self.seed,
        }
