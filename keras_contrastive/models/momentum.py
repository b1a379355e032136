"""What the methods with a key encoder share: the copy, its average, its batches."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.distribute import all_gather, replica_count, replica_index
from keras_contrastive.encoders import split_statistics


class MomentumEncoder(keras.layers.Layer):
    """A slowly moving copy of layers, which makes the keys.

    It starts as an exact copy. After each optimizer step every trained weight moves
    towards its source,

        key <- m key + (1 - m) query,

    and no gradient ever reaches it. Batch-norm statistics are not averaged: the copy
    normalises its own batches in training mode, as MoCo's does, and keeps moving
    statistics of its own.

    Args:
        layers: The layers to copy, called one after the other.
        momentum: In [0, 1), or a schedule of the step such as
            `kc.optimizers.CosineMomentum`.
        **kwargs: `name`.

    Raises:
        ValueError: If `momentum` is out of its range.
    """

    def __init__(
        self,
        layers: Sequence[keras.layers.Layer],
        momentum: float | Callable[[Any], Any],
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not callable(momentum) and not 0 <= momentum < 1:
            raise ValueError(
                f"`momentum` must be in [0, 1), or a schedule. Received: {momentum}"
            )
        self.momentum = momentum
        self.copies = [_copy(layer) for layer in layers]
        self._freeze()
        self.built = True

    def _freeze(self) -> None:
        for copy in self.copies:
            for key in copy.variables:
                # The variable and not the layer: batch norm in a frozen layer would
                # use its moving statistics.
                key.trainable = False

    @property
    def trainable(self) -> bool:
        """Whether batch norm is in training mode; the weights are never trained."""
        return super().trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        # Set on a model, it reaches every layer and every variable in it.
        keras.layers.Layer.trainable.fset(self, value)
        self._freeze()

    def momentum_config(self) -> float | dict[str, Any]:
        """Returns the momentum as a model's `get_config` writes it."""
        if not callable(self.momentum):
            return self.momentum
        return keras.saving.serialize_keras_object(self.momentum)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the keys of a batch, without gradient."""
        for layer in self.copies:
            inputs = layer(inputs, training=training)
        return tf.stop_gradient(inputs)

    def follow(
        self, layers: Sequence[keras.layers.Layer], step: tf.Tensor | int
    ) -> None:
        """Moves the weights towards their sources.

        Args:
            layers: The layers that were copied, in their order.
            step: Optimizer steps so far, for a momentum that is a schedule.
        """
        momentum = self.momentum(step) if callable(self.momentum) else self.momentum
        for layer, copy in zip(layers, self.copies, strict=True):
            for query, key in zip(layer.variables, copy.variables, strict=True):
                if query.trainable:
                    kept = tf.cast(momentum, key.dtype)
                    key.assign(kept * key.value + (1 - kept) * query.value)


def shuffled_keys(
    encode: MomentumEncoder, images: tf.Tensor, groups: int, seed: tf.Tensor
) -> tf.Tensor:
    """Returns the keys of this replica's images, from groups that are shuffled.

    With batch norm in groups a query and its key would share a group, and its
    statistics would tell which key is the right one. So the rows of the global batch
    are shuffled before the key encoder and brought back after it. One group has
    nothing to shuffle.

    Source: He et al. 2019 (https://arxiv.org/abs/1911.05722), section 3.3.

    Args:
        encode: The key encoder.
        images: This replica's share of the batch, `(batch, height, width, channels)`.
        groups: Groups of batch norm in the global batch.
        seed: Two integers, `(2,)`, another for each step.

    Returns:
        `(batch, dim)`, row i of image i.
    """
    if groups == 1:
        return encode(images, training=True)
    count = images.shape[0] or tf.shape(images)[0]
    total = count * replica_count()
    order = tf.argsort(_seeded.uniform([total], seed), stable=True)
    start = replica_index() * count
    own = tf.gather(all_gather(images), tf.slice(order, [start], [count]))
    with split_statistics(groups):
        keys = all_gather(encode(own, training=True))
    back = tf.slice(tf.argsort(order), [start], [count])
    return tf.gather(keys, back)


def _copy(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Returns a layer of the same make and weights, with variables of its own."""
    config = keras.saving.serialize_keras_object(layer)
    config["config"]["name"] = f"momentum_{layer.name}"
    copy = keras.saving.deserialize_keras_object(config)
    copy.set_weights(layer.get_weights())
    return copy
