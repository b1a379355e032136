"""PIRL's noise-contrastive loss, with the lecture's softmax as its probability."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.losses.cosine import check_temperature, unit
from keras_contrastive.losses.softmax_nce import softmax_nce


def pirl_logits(
    anchor: tf.Tensor,
    positive: tf.Tensor,
    negatives: tf.Tensor | None = None,
    temperature: float = 0.07,
    candidates: tf.Tensor | None = None,
    offset: tf.Tensor | int = 0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Compares each anchor with its positive and with the negatives.

    Args:
        anchor: `(batch, dim)`, any float type.
        positive: `(batch, dim)`; row i belongs to row i of `anchor`.
        negatives: `(negatives, dim)`, shared by the batch, such as a memory bank's;
            None takes the other rows of `candidates`.
        temperature: Above 0.
        candidates: The positives of the global batch, `(global batch, dim)`, when
            `positive` is one replica's share of it.
        offset: Index of the first row of `positive` among them.

    Returns:
        Logits `(batch, 1 + negatives)`, or `(batch, global batch)`, float32: minus the
        energies; and the column of each row's positive, `(batch,)` int32.

    Raises:
        ValueError: If the temperature is not above 0, the shapes differ or there is no
            negative.
    """
    check_temperature(temperature)
    anchor, positive = tf.convert_to_tensor(anchor), tf.convert_to_tensor(positive)
    if anchor.shape.rank != 2 or not anchor.shape.is_compatible_with(positive.shape):
        raise ValueError(
            "`anchor` and `positive` must have one shape (batch, dim). "
            f"Received: {anchor.shape} and {positive.shape}"
        )
    rows = unit(anchor) / temperature
    if negatives is not None:
        negatives = _checked("negatives", negatives, anchor, least=1)
        own = tf.reduce_sum(rows * unit(positive), axis=1, keepdims=True)
        others = tf.matmul(rows, unit(negatives), transpose_b=True)
        column = tf.zeros([tf.shape(anchor)[0]], tf.int32)
        return tf.concat([own, others], axis=1), column
    candidates = positive if candidates is None else candidates
    candidates = _checked("candidates", candidates, anchor, least=2)
    logits = tf.matmul(rows, unit(candidates), transpose_b=True)
    return logits, tf.cast(offset, tf.int32) + tf.range(tf.shape(anchor)[0])


def _checked(name: str, rows: tf.Tensor, anchor: tf.Tensor, least: int) -> tf.Tensor:
    rows = tf.convert_to_tensor(rows)
    if not rows.shape.is_compatible_with([None, anchor.shape[1]]) or (
        rows.shape[0] is not None and rows.shape[0] < least
    ):
        raise ValueError(
            f"`{name}` must have shape ({name}, {anchor.shape[1]}) with at least "
            f"{least} row(s). Received: {rows.shape}"
        )
    return rows


def pirl_nce(
    anchor: tf.Tensor,
    positive: tf.Tensor,
    negatives: tf.Tensor | None = None,
    temperature: float = 0.07,
    candidates: tf.Tensor | None = None,
    offset: tf.Tensor | int = 0,
) -> tf.Tensor:
    """Noise-contrastive estimation with one softmax over positive and negatives.

    With s the cosine similarity and h the softmax of s / tau of an anchor a over its
    positive p and all negatives n,

        L = -log h(a, p) - sum_n log( 1 - h(a, n) )

    The softmax is anchored at the transformed image's g(v_It), its positive is
    f(v_I) or the image's entry in the memory bank. Computed in float32 by
    `softmax_nce`, where 1 - h of a negative that has nearly all of the probability
    keeps its logarithm and its gradient; there is no second derivative.

    Source: Misra & van der Maaten 2019 (https://arxiv.org/abs/1912.01991), equations
    3 and 4, with the substitution of g(v_It) as anchor of both.

    Args:
        anchor: `(batch, dim)`, any float type.
        positive: `(batch, dim)`; row i belongs to row i of `anchor`.
        negatives: `(negatives, dim)`, shared by the batch, such as a memory bank's;
            None takes the other positives of the batch.
        temperature: Above 0.
        candidates: The positives of the global batch, `(global batch, dim)`, when
            `positive` is one replica's share of it and `negatives` is None.
        offset: Index of the first row of `positive` among them.

    Returns:
        One value an example, `(batch,)` float32, summed over the negatives.

    Raises:
        ValueError: If the temperature is not above 0, the shapes differ or there is no
            negative.
    """
    return softmax_nce(
        *pirl_logits(anchor, positive, negatives, temperature, candidates, offset)
    )


@keras.saving.register_keras_serializable(package="keras_contrastive")
class PIRLNCE(keras.losses.Loss):
    """`pirl_nce` as a Keras loss.

    `PIRLNCE()((positive, negatives), anchor)`, or `PIRLNCE()(positive, anchor)`, whose
    negatives are the other positives of the batch.

    Args:
        temperature: Above 0.
        **kwargs: `name`, `reduction`, `dtype`, as for every Keras loss.

    Raises:
        ValueError: If the temperature is not above 0.
    """

    def __init__(
        self, temperature: float = 0.07, name: str = "pirl_nce", **kwargs: Any
    ):
        super().__init__(name=name, **kwargs)
        self.temperature = check_temperature(temperature)

    def call(self, y_true: Any, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns one value an anchor."""
        positive, negatives = y_true if isinstance(y_true, tuple) else (y_true, None)
        return pirl_nce(y_pred, positive, negatives, self.temperature)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "temperature": self.temperature}
