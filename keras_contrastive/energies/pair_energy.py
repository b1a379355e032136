"""The embedding methods seen as energies: near embeddings, low energy."""

import math
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive._unit import unit
from keras_contrastive.energies.energy import Energy
from keras_contrastive.energies.network_energy import (
    check_domain,
    check_network,
    shape_of_points,
)


@keras.saving.register_keras_serializable(package="keras_contrastive")
class PairEnergy(Energy):
    """Energy of a pair, which the embedding methods bring down for positive pairs.

        F(x, y) = -cos( h(x), h(y) ) / tau

    It takes two batches, `pair(x, y)`; `pair.given(x)` holds x and is an energy over y
    alone, in which every sampler can move y.

    The encoder runs in inference mode, so batch norm in it keeps its statistics.

    Args:
        encoder: h, a built Keras model or layer from `(batch, ...)` to
            `(batch, dim)`.
        temperature: tau, above 0. It belongs to the model, as the encoder does, and
            is no tempering: the attribute `temperature` stays 1.
        domain: "reals", or "bits" for points in {0, 1}.
        **kwargs: `name`, `dtype`, `trainable`.

    Attributes:
        tau: The temperature of the pair.

    Raises:
        TypeError: If `encoder` is no Keras layer.
        ValueError: If it is not built or has several inputs, or `temperature` is not a
            finite number above 0.
    """

    def __init__(
        self,
        encoder: keras.layers.Layer,
        temperature: float = 0.1,
        domain: str = "reals",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.encoder = check_network("encoder", encoder)
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(
                "`temperature` must be a finite number above 0. "
                f"Received: {temperature}"
            )
        self.tau = temperature
        self.domain = check_domain(domain)
        self.event_shape = shape_of_points(encoder)
        self.built = True

    def __call__(self, x: tf.Tensor, y: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        """Returns the energy of each pair, `(batch,)`, of two batches of points."""
        if not keras.backend.is_keras_tensor(y):
            y = self.points(y)
        return super().__call__(x, y, **kwargs)

    def call(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Returns the energy of each pair, `(batch,)`."""
        return self.between(self.embed(x), self.embed(y))

    def embed(self, x: tf.Tensor) -> tf.Tensor:
        """Returns h of each point at length 1, `(batch, dim)` float32."""
        embeddings = self.encoder(x, training=False)
        if len(embeddings.shape) != 2:
            raise ValueError(
                "`encoder` must return embeddings of shape (batch, dim). "
                f"Received: {embeddings.shape}"
            )
        return unit(embeddings)

    def between(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Returns the energy of pairs of unit embeddings, `(batch,)`."""
        return tf.cast(-tf.reduce_sum(x * y, axis=1) / self.tau, self.compute_dtype)

    def given(self, x: tf.Tensor) -> "GivenEnergy":
        """Returns the energy over y with x held.

        Args:
            x: `(batch, ...)`, one for each y of a batch; or `(1, ...)`, one for all.
                Embedded once; gradients flow to the encoder through it.
        """
        return GivenEnergy(self, x)

    def energy_and_score(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Refuses, because a pair has two points that could move."""
        raise TypeError(_ONE_MUST_BE_HELD.format("a score", x.shape))

    def flip_differences(self, x: tf.Tensor) -> tf.Tensor:
        """Refuses, because a pair has two points that could move."""
        raise TypeError(_ONE_MUST_BE_HELD.format("flips", x.shape))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "temperature": self.tau,
            "domain": self.domain,
        }


_ONE_MUST_BE_HELD = (
    "a `PairEnergy` has {} only where one point is held: `pair.given(x)` is an energy "
    "over y. Received: points of shape {} alone"
)


class GivenEnergy(Energy):
    """A pair's energy over y alone, x held; `pair.given(x)` makes one.

    With B points held it takes B points y, or a multiple n B of them, of which the
    first n belong to the first x, as they come from `flip_differences`.

    Args:
        pair: The energy F(x, y).
        x: `(batch, ...)` or `(1, ...)`.
    """

    def __init__(self, pair: PairEnergy, x: tf.Tensor):
        super().__init__(name=f"{pair.name}_given", dtype=pair.compute_dtype)
        self.pair = pair
        self.domain = pair.domain
        self.event_shape = pair.event_shape
        self._held = pair.embed(pair.points(x))
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns F(held, x) of each point, `(batch,)`."""
        held, moving = self._held, self.pair.embed(x)
        rows, count = held.shape[0], moving.shape[0]
        if None not in (rows, count) and count % rows:
            raise ValueError(
                f"`x` must hold {rows} points, or a multiple, one for each that is "
                f"held. Received: {count}"
            )
        rows = tf.shape(held)[0] if rows is None else rows
        count = tf.shape(moving)[0] if count is None else count
        return self.pair.between(tf.repeat(held, count // rows, axis=0), moving)

    def get_config(self) -> dict[str, Any]:
        """Refuses: the points held are a batch's, not a model's."""
        raise TypeError(
            "an energy with a point held is made for a batch and cannot be saved; save "
            f"its `pair`. Received: {self.name!r}"
        )
