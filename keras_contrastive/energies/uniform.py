"""The uniform density of a box: flat, with walls."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies.density import Density, finite


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Uniform(Density):
    """Uniform density between two corners; outside of them the energy is infinite.

    Args:
        low: Lowest values, a number or of a point's shape.
        high: Highest values, likewise, above `low`.
        shape: Shape of a point; None: that of `low` and `high`.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: If a number is not finite, `high` is not above `low`, or they do
            not have the shape of a point.
    """

    def __init__(
        self, low: Any, high: Any, shape: tuple[int, ...] | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        low, high = finite("low", low), finite("high", high)
        try:
            common = np.broadcast_shapes(low.shape, high.shape)
            self.event_shape = common if shape is None else tuple(shape)
            self.low = np.broadcast_to(low, self.event_shape)
            self.high = np.broadcast_to(high, self.event_shape)
        except ValueError:
            raise ValueError(
                "`low` and `high` must be numbers or have the shape of a point. "
                f"Received: shapes {low.shape} and {high.shape}, with shape={shape}"
            ) from None
        if not (self.low < self.high).all():
            raise ValueError(
                f"`high` must be above `low`. Received: low={low}, high={high}"
            )
        self._log_volume = float(np.log(self.high - self.low).sum())
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the log volume inside the box and infinity outside, `(batch,)`."""
        axes = list(range(1, x.shape.rank))
        low, high = tf.constant(self.low, x.dtype), tf.constant(self.high, x.dtype)
        inside = tf.reduce_all((x >= low) & (x <= high), axes)
        return tf.where(
            inside,
            tf.constant(self._log_volume, x.dtype),
            tf.constant(np.inf, x.dtype),
        )

    def energy_and_score(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns energies `(batch,)` and scores of 0, `(batch, ...)`."""
        x = self.points(x)
        return self(x), tf.zeros_like(x)

    def draw(self, count: tf.Tensor | int, seed: tf.Tensor) -> tf.Tensor:
        """Returns `(count, *event_shape)` points of the box."""
        shape = tf.concat([[count], tf.constant(self.event_shape, tf.int32)], 0)
        unit = tf.cast(_seeded.uniform(shape, seed), self.compute_dtype)
        low, high = (tf.constant(x, unit.dtype) for x in (self.low, self.high))
        # Rounding could put a point behind the wall, where the energy is infinite.
        return tf.minimum(low + (high - low) * unit, high)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        own = {"low": self.low.tolist(), "high": self.high.tolist()}
        return {**super().get_config(), **own, "shape": list(self.event_shape)}
