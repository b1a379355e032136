"""Independent bits, each on with its own probability."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies.density import Density, finite


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Bernoulli(Density):
    """Independent bits; as noise, those of the data's mean are as near as coins get.

        E(x) = - sum_i ( x_i log p_i + (1 - x_i) log(1 - p_i) )

    Args:
        probabilities: p, of a point's shape, within (0, 1): a bit that is never on
            would make data in which it is on impossible.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: If a probability is not within (0, 1).
    """

    domain = "bits"

    def __init__(self, probabilities: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.probabilities = finite("probabilities", probabilities)
        if not ((self.probabilities > 0) & (self.probabilities < 1)).all():
            raise ValueError(
                "`probabilities` must be above 0 and below 1; clip those of data. "
                f"Received: {probabilities}"
            )
        self.event_shape = self.probabilities.shape
        on, off = np.log(self.probabilities), np.log1p(-self.probabilities)
        self._logits = on - off
        self._constant = -float(off.sum())
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the energy of each point, `(batch,)`."""
        axes = list(range(1, x.shape.rank))
        logits = tf.constant(self._logits, x.dtype)
        return self._constant - tf.reduce_sum(x * logits, axes)

    def flip_differences(self, x: tf.Tensor) -> tf.Tensor:
        """Returns D_i = (2 x_i - 1) log(p_i / (1 - p_i)), `(batch, d)`."""
        x = self.points(x)
        differences = (2 * x - 1) * tf.constant(self._logits, x.dtype)
        return tf.reshape(differences, [-1, self._logits.size])

    def site_differences(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        """Returns a function of bits and a site to D_i, `(batch,)`; see `Energy`."""

        def difference(x: tf.Tensor, site: tf.Tensor) -> tf.Tensor:
            x = tf.reshape(self.points(x), [-1, self._logits.size])
            logits = tf.constant(self._logits.ravel(), x.dtype)
            return (2 * tf.gather(x, site, axis=1) - 1) * tf.gather(logits, site)

        return difference

    def draw(self, count: tf.Tensor | int, seed: tf.Tensor) -> tf.Tensor:
        """Returns `(count, *event_shape)` bits."""
        shape = tf.concat([[count], tf.constant(self.event_shape, tf.int32)], 0)
        return _seeded.uniform(shape, seed) < tf.constant(
            self.probabilities, tf.float32
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        own = {"probabilities": self.probabilities.tolist()}
        return {**super().get_config(), **own}
