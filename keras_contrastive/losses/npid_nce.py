"""Noise-contrastive estimation with a constant Z: the loss of NPID."""

import math
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.losses.cosine import check_temperature
from keras_contrastive.losses.pirl_nce import pirl_logits


def npid_nce(
    anchor: tf.Tensor,
    positive: tf.Tensor,
    negatives: tf.Tensor | None = None,
    temperature: float = 0.07,
    log_partition: tf.Tensor | float = 0.0,
    dataset_size: int = 1,
    candidates: tf.Tensor | None = None,
    offset: tf.Tensor | int = 0,
) -> tf.Tensor:
    """Tells an anchor's own image from m images drawn as noise, one by one.

    An image has the probability exp(s / tau) / Z under the model and 1 / n as noise,
    n being the size of the data set, so the posterior odds that it is the anchor's
    have the logarithm

        G = s / tau - log Z - log(m / n)

    and with h = sigmoid(G)

        L = -log h(positive) - sum_negatives log( 1 - h )
          = softplus(-G_positive) + sum_negatives softplus(G)

    Z is a constant. Computed in float32.

    Source: Wu et al. 2018 (https://arxiv.org/abs/1805.01978), equations 4 to 8, which
    PIRL's implementation minimises.

    Args:
        anchor: `(batch, dim)`, any float type.
        positive: `(batch, dim)`; row i belongs to row i of `anchor`.
        negatives: `(negatives, dim)`, shared by the batch, such as a memory bank's;
            None takes the other positives of the batch.
        temperature: Above 0.
        log_partition: log Z, a number or a scalar; `log_partition_of` estimates it.
        dataset_size: n, at least 1.
        candidates: The positives of the global batch, `(global batch, dim)`, when
            `positive` is one replica's share of it and `negatives` is None.
        offset: Index of the first row of `positive` among them.

    Returns:
        One value an example, `(batch,)` float32, summed over the negatives.

    Raises:
        ValueError: If the temperature or the size is out of range, the shapes differ
            or there is no negative.
    """
    logits, column = pirl_logits(
        anchor, positive, negatives, temperature, candidates, offset
    )
    return constant_z_nce(logits, column, log_partition, dataset_size)


def constant_z_nce(
    logits: tf.Tensor,
    column: tf.Tensor,
    log_partition: tf.Tensor | float,
    dataset_size: int,
) -> tf.Tensor:
    """Returns `npid_nce` of what `pirl_logits` returned, `(batch,)`."""
    check_dataset_size(dataset_size)
    count = tf.shape(logits)[1]
    noise = tf.math.log(tf.cast(count - 1, tf.float32)) - math.log(dataset_size)
    odds = logits - (log_partition + noise)
    # softplus(-G) is softplus(G) - G.
    own = tf.gather(odds, column, batch_dims=1)
    return tf.reduce_sum(tf.math.softplus(odds), axis=1) - own


def log_partition_of(
    logits: tf.Tensor, column: tf.Tensor, dataset_size: int
) -> tf.Tensor:
    """Estimates log Z = log( n mean exp(s / tau) ) over anchors and negatives.

    Args:
        logits: As `pirl_logits` returns them, `(batch, columns)`.
        column: As `pirl_logits` returns it, `(batch,)`.
        dataset_size: n, at least 1.

    Returns:
        A scalar, float32.
    """
    shape = tf.shape(logits)
    own = tf.one_hot(column, shape[1], on_value=True, off_value=False, dtype=tf.bool)
    negatives = tf.where(own, -math.inf, logits)
    count = tf.cast(shape[0] * (shape[1] - 1), tf.float32)
    total = tf.reduce_logsumexp(negatives) - tf.math.log(count)
    return total + math.log(dataset_size)


def check_dataset_size(dataset_size: int) -> int:
    """Returns the size.

    Raises:
        ValueError: If it is not a positive integer.
    """
    whole = isinstance(dataset_size, int) and not isinstance(dataset_size, bool)
    if not whole or dataset_size < 1:
        raise ValueError(
            f"`dataset_size` must be a positive integer. Received: {dataset_size!r}"
        )
    return dataset_size


@keras.saving.register_keras_serializable(package="keras_contrastive")
class NPIDNCE(keras.losses.Loss):
    """`npid_nce` as a Keras loss.

    `NPIDNCE(n, log_z)((positive, negatives), anchor)`, or without negatives, which are
    then the other positives of the batch.

    Args:
        dataset_size: n, at least 1.
        log_partition: log Z.
        temperature: Above 0.
        **kwargs: `name`, `reduction`, `dtype`, as for every Keras loss.

    Raises:
        ValueError: If the size or the temperature is out of range.
    """

    def __init__(
        self,
        dataset_size: int,
        log_partition: float,
        temperature: float = 0.07,
        name: str = "npid_nce",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.dataset_size = check_dataset_size(dataset_size)
        self.log_partition = log_partition
        self.temperature = check_temperature(temperature)

    def call(self, y_true: Any, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns one value an anchor."""
        positive, negatives = y_true if isinstance(y_true, tuple) else (y_true, None)
        return npid_nce(
            y_pred,
            positive,
            negatives,
            self.temperature,
            self.log_partition,
            self.dataset_size,
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "dataset_size": self.dataset_size,
            "log_partition": self.log_partition,
            "temperature": self.temperature,
        }
