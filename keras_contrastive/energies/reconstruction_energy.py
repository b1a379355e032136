"""How far an autoencoder moves a point."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.energies.autoencoder_energy import AutoencoderEnergy
from keras_contrastive.energies.network_energy import check_network, shape_of_points

DISTANCES = ("squared_l2", "l2")


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ReconstructionEnergy(AutoencoderEnergy):
    """The distance from a point to its reconstruction, any autoencoder's.

        E(x) = |r(x) - x|^2

    Of a denoising autoencoder it is sigma^4 |grad log p_sigma(x)|^2 at best: 0 on the
    data, growing quadratically off it, and 0 as well wherever the density is flat, such
    as half-way between two modes. exp(-E) is not the density of the data, and no
    temperature makes it so.

    The autoencoder runs in inference mode unless the energy is called with
    `training=True`, so a chain moves no batch-norm statistic.

    Args:
        autoencoder: A built Keras model or layer, from `(batch, ...)` to the same
            shape, such as a `kc.models.DenoisingAutoencoder`.
        distance: "squared_l2", or "l2" for its root, |r(x) - x|, whose slope has the
            same length everywhere.
        **kwargs: `name`, `dtype`, `trainable`.

    Raises:
        TypeError: If `autoencoder` is no Keras layer.
        ValueError: If it is not built, has several inputs, or returns another shape
            than it takes; or `distance` is not known.
    """

    def __init__(
        self,
        autoencoder: keras.layers.Layer,
        distance: str = "squared_l2",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.autoencoder = check_network("autoencoder", autoencoder)
        if distance not in DISTANCES:
            raise ValueError(
                f"`distance` must be one of {DISTANCES}. Received: {distance!r}"
            )
        self.distance = distance
        self.event_shape = shape_of_points(autoencoder)
        output_shape = getattr(autoencoder, "output_shape", None)
        if output_shape is not None and self.event_shape is not None:
            self._check_output(output_shape, (None, *self.event_shape))
        self.built = True

    def reconstruct(self, x: tf.Tensor) -> tf.Tensor:
        """Returns r(x) in inference mode, `(batch, ...)`."""
        return self._reconstruction(self.points(x), training=False)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the energy of each point, `(batch,)`."""
        moved = self._reconstruction(x, training) - x
        squares = tf.reduce_sum(moved**2, axis=list(range(1, x.shape.rank)))
        if self.distance == "squared_l2":
            return squares
        # The root's slope at 0 is not a number; where nothing moves it is 0.
        safe = tf.where(squares > 0, squares, 1.0)
        return tf.where(squares > 0, tf.sqrt(safe), 0.0)

    def _reconstruction(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        made = self.autoencoder(x, training=training)
        self._check_output(made.shape, x.shape)
        return tf.cast(made, self.compute_dtype)

    def _check_output(self, made: Any, taken: Any) -> None:
        if not isinstance(made, list) and tf.TensorShape(made).is_compatible_with(
            taken
        ):
            return
        raise ValueError(
            "`autoencoder` must return the shape that it takes: does the decoder end "
            f"in the shape of the points? Received: {tuple(made)} for {tuple(taken)}"
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "autoencoder": keras.saving.serialize_keras_object(self.autoencoder),
            "distance": self.distance,
        }
