"""NT-Xent: the normalised, temperature-scaled cross entropy of SimCLR."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.losses.cosine import (
    MASKED,
    check_pairs,
    check_temperature,
    unit,
)


def nt_xent_logits(
    z1: tf.Tensor,
    z2: tf.Tensor,
    temperature: float = 0.1,
    candidates: tuple[tf.Tensor, tf.Tensor] | None = None,
    offset: tf.Tensor | int = 0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Compares each view with all others: minus the energies of the pairs.

    Args:
        z1: Embeddings of the first views, `(batch, dim)`, any float type.
        z2: Embeddings of the second views, `(batch, dim)`.
        temperature: Above 0.
        candidates: The embeddings of the global batch, two `(global batch, dim)`,
            when `z1` and `z2` are one replica's share of it.
        offset: Index of the first row of `z1` in the global batch.

    Returns:
        Logits `(2 batch, 2 global batch)` float32, the first views' rows first, each
        row's comparison with itself masked; and the column of each row's positive,
        `(2 batch,)` int32.

    Raises:
        ValueError: If the temperature is not above 0, the shapes differ or the global
            batch holds a single image.
    """
    check_temperature(temperature)
    z1, z2 = tf.convert_to_tensor(z1), tf.convert_to_tensor(z2)
    c1, c2 = map(tf.convert_to_tensor, candidates) if candidates else (z1, z2)
    check_pairs(z1, z2, least=1)
    check_pairs(c1, c2, least=2)
    anchors = tf.concat([unit(z1), unit(z2)], axis=0)
    alone = c1 is z1 and c2 is z2
    others = anchors if alone else tf.concat([unit(c1), unit(c2)], axis=0)
    logits = tf.matmul(anchors, others, transpose_b=True) / temperature
    rows = tf.cast(offset, tf.int32) + tf.range(tf.shape(z1)[0])
    count = tf.shape(c1)[0]
    itself = tf.concat([rows, rows + count], axis=0)
    positive = tf.concat([rows + count, rows], axis=0)
    mask = tf.one_hot(itself, 2 * count, on_value=True, off_value=False, dtype=tf.bool)
    return tf.where(mask, MASKED, logits), positive


def nt_xent(
    z1: tf.Tensor,
    z2: tf.Tensor,
    temperature: float = 0.1,
    candidates: tuple[tf.Tensor, tf.Tensor] | None = None,
    offset: tf.Tensor | int = 0,
) -> tf.Tensor:
    """Normalised temperature-scaled cross entropy between two views.

    With s the cosine similarity, the loss of an anchor i with its positive p among
    the 2B views of the batch is

        -log( exp(s_ip / tau) / sum_{k != i} exp(s_ik / tau) )

    and an example's value is the mean of its two directions. Computed in float32.

    Source: Chen et al. 2020 (https://arxiv.org/abs/2002.05709), equation 1.

    Args:
        z1: Embeddings of the first views, `(batch, dim)`, any float type.
        z2: Embeddings of the second views, `(batch, dim)`; row i belongs to row i of
            `z1`.
        temperature: Above 0.
        candidates: The embeddings of the global batch, two `(global batch, dim)`,
            when `z1` and `z2` are one replica's share of it.
        offset: Index of the first row of `z1` in the global batch.

    Returns:
        One value an example, `(batch,)` float32.

    Raises:
        ValueError: If the temperature is not above 0, the shapes differ or the global
            batch holds a single image.
    """
    logits, positive = nt_xent_logits(z1, z2, temperature, candidates, offset)
    return cross_entropy(logits, positive)


def cross_entropy(logits: tf.Tensor, positive: tf.Tensor) -> tf.Tensor:
    """Mean over both directions of each example's cross entropy, `(batch,)`."""
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(positive, logits)
    return tf.reduce_mean(tf.reshape(each, [2, -1]), axis=0)


@keras.saving.register_keras_serializable(package="keras_contrastive")
class NTXent(keras.losses.Loss):
    """`nt_xent` as a Keras loss: `NTXent()(z1, z2)`.

    Args:
        temperature: Above 0.
        **kwargs: `name`, `reduction`, `dtype`, as for every Keras loss.

    Raises:
        ValueError: If the temperature is not above 0.
    """

    def __init__(self, temperature: float = 0.1, name: str = "nt_xent", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.temperature = check_temperature(temperature)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns one value an example of two batches of embeddings."""
        return nt_xent(y_true, y_pred, self.temperature)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "temperature": self.temperature}
