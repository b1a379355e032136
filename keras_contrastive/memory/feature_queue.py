"""A first-in first-out queue of unit vectors: MoCo's negatives, NNCLR's support."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive._unit import unit
from keras_contrastive.memory.rows import read_rows, write_rows


@keras.saving.register_keras_serializable(package="keras_contrastive")
class FeatureQueue(keras.layers.Layer):
    """Keeps the last `size` keys that were enqueued, as unit vectors.

    A ring buffer: batch after batch is written behind the one before and wraps at the
    end, so any batch size works and no row is dropped; the oldest rows leave first.
    Writing costs as much as the batch, whatever the size. The queue starts empty, and
    `valid` tells the slots that have been written from those that have not.

    It is a Keras layer without a call, so that a model which holds it saves it. Under
    several replicas hand each of them the same rows in the same order, the global
    batch's: `queue.enqueue(kc.distribute.all_gather(keys))`.

        queue = kc.memory.FeatureQueue(4096, 128)
        loss = kc.losses.info_nce(query, key, queue.keys, 0.2, valid=queue.valid)
        queue.enqueue(key)

    Source: He et al. 2019 (https://arxiv.org/abs/1911.05722), section 3.2.

    Args:
        size: Number of slots.
        dim: Size of a key.
        **kwargs: `name`.

    Raises:
        ValueError: If a size is not a positive integer.
    """

    def __init__(self, size: int, dim: int, **kwargs: Any):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        for argument, value in (("size", size), ("dim", dim)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"`{argument}` must be a positive integer. Received: {value!r}"
                )
        self.size = size
        self.dim = dim
        self._keys = self._state("keys", (size, dim), "float32")
        self._next = self._state("next", (), "int32")
        self._filled = self._state("filled", (), "int32")
        self.built = True

    def _state(self, name: str, shape: tuple[int, ...], dtype: str) -> keras.Variable:
        return self.add_weight(
            shape=shape,
            dtype=dtype,
            initializer="zeros",
            trainable=False,
            autocast=False,
            name=name,
        )

    @property
    def keys(self) -> tf.Tensor:
        """All slots, `(size, dim)` float32: unit vectors, 0 where never written."""
        return tf.convert_to_tensor(self._keys.value)

    @property
    def filled(self) -> tf.Tensor:
        """How many slots have been written, int32."""
        return tf.convert_to_tensor(self._filled.value)

    @property
    def valid(self) -> tf.Tensor:
        """Which slots have been written, `(size,)` bool."""
        return tf.range(self.size) < self.filled

    def enqueue(self, keys: tf.Tensor) -> None:
        """Writes a batch of keys over the oldest slots.

        Args:
            keys: `(batch, dim)`, at most `size` rows, any float type; they are stored
                as float32 of length 1. No gradient flows through the queue. A row
                that is not finite leaves its slot as it was.

        Raises:
            ValueError: If the shape is another or the batch is larger than the queue.
        """
        keys = tf.convert_to_tensor(keys)
        if keys.shape.rank != 2 or keys.shape[1] != self.dim:
            raise ValueError(
                f"`keys` must have shape (batch, {self.dim}). Received: {keys.shape}"
            )
        if keys.shape[0] is not None and keys.shape[0] > self.size:
            raise ValueError(
                f"`keys` must have at most {self.size} rows, the queue's size: rows "
                "that do not fit would be lost. Received: "
                f"{keys.shape[0]} rows"
            )
        count = tf.shape(keys)[0]
        check = tf.debugging.Assert(
            count <= self.size,
            [f"`keys` must have at most {self.size} rows. Received:", count],
        )
        with tf.control_dependencies([check] if check is not None else []):
            start = self._next.value
            slots = tf.math.floormod(start + tf.range(count), self.size)
            # Row by row: an assignment of the whole would cost the queue's size.
            rows = tf.stop_gradient(unit(keys))
            # An overflow must not stay among the negatives for a whole queue.
            finite = tf.reduce_all(tf.math.is_finite(rows), axis=1, keepdims=True)
            old = read_rows(self._keys, slots)
            write_rows(self._keys, slots, tf.where(finite, rows, old))
            self._filled.assign(tf.minimum(self._filled.value + count, self.size))
            self._next.assign(tf.math.floormod(start + count, self.size))

    def nearest(self, features: tf.Tensor) -> tf.Tensor:
        """Returns the key most similar to each feature, by the cosine.

        Args:
            features: `(batch, dim)`, any float type.

        Returns:
            `(batch, dim)` float32 unit vectors without gradient. While the queue is
            empty there is no neighbour, and each feature is returned as its own.
        """
        features = tf.stop_gradient(unit(features))
        keys = self.keys
        similarity = tf.matmul(features, keys, transpose_b=True)
        # A cosine is at least -1, so an unwritten slot never wins.
        similarity = tf.where(self.valid, similarity, -2.0)
        found = tf.gather(keys, tf.argmax(similarity, axis=1))
        return tf.where(self.filled > 0, found, features)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "size": self.size, "dim": self.dim}
