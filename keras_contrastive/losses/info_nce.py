"""InfoNCE: pick the one key that belongs to a query."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.losses.cosine import check_pairs, check_temperature, unit
from keras_contrastive.losses.memory_log_odds import memory_log_odds


def info_nce_logits(
    query: tf.Tensor,
    key: tf.Tensor,
    temperature: float = 0.07,
    candidates: tf.Tensor | None = None,
    offset: tf.Tensor | int = 0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Compares each query with the keys of the batch: minus the pairs' energies.

    Args:
        query: `(batch, dim)`, any float type.
        key: `(batch, dim)`; row i is the positive of row i of `query`.
        temperature: Above 0.
        candidates: The keys of the global batch, `(global batch, dim)`, when `key` is
            one replica's share of it.
        offset: Index of the first row of `key` in the global batch.

    Returns:
        Logits `(batch, global batch)` float32, and the column of each row's positive,
        `(batch,)` int32.

    Raises:
        ValueError: If the temperature is not above 0 or the shapes do not fit.
    """
    check_temperature(temperature)
    query, key = tf.convert_to_tensor(query), tf.convert_to_tensor(key)
    check_pairs(query, key, least=1, names=("query", "key"))
    others = key if candidates is None else tf.convert_to_tensor(candidates)
    check_pairs(others, others, least=2, names=("key", "candidates"))
    logits = tf.matmul(unit(query), unit(others), transpose_b=True) / temperature
    return logits, tf.cast(offset, tf.int32) + tf.range(tf.shape(query)[0])


def info_nce(
    query: tf.Tensor,
    key: tf.Tensor,
    negatives: tf.Tensor | None = None,
    temperature: float = 0.07,
    valid: tf.Tensor | None = None,
    candidates: tf.Tensor | None = None,
    offset: tf.Tensor | int = 0,
) -> tf.Tensor:
    """Cross entropy of picking a query's key among its negatives.

    With s the cosine similarity, of a query q with its key k and negatives n:

        -log( exp(s_qk / tau) / (exp(s_qk / tau) + sum_n exp(s_qn / tau)) )

    Computed in float32. Given negatives are compared in blocks (`memory_log_odds`):
    their logits are never all in memory, and there is no second derivative.

    Source: van den Oord et al. 2018 (https://arxiv.org/abs/1807.03748), equation 4; as
    MoCo has it, He et al. 2019 (https://arxiv.org/abs/1911.05722), equation 1.

    Args:
        query: `(batch, dim)`, any float type.
        key: `(batch, dim)`; row i is the positive of row i of `query`.
        negatives: `(K, dim)`, common to all queries, such as a queue's keys; None
            takes the other rows of the batch.
        temperature: Above 0.
        valid: `(K,)` bool; negatives that are not valid are left out.
        candidates: The keys of the global batch, `(global batch, dim)`, when `key` is
            one replica's share of it; for `negatives=None` alone.
        offset: Index of the first row of `key` in the global batch.

    Returns:
        One value an example, `(batch,)` float32.

    Raises:
        ValueError: If the temperature is not above 0 or the shapes do not fit.
    """
    if negatives is not None:
        check_temperature(temperature)
        query, key = tf.convert_to_tensor(query), tf.convert_to_tensor(key)
        check_pairs(query, key, least=1, names=("query", "key"))
        negatives = tf.convert_to_tensor(negatives)
        if negatives.shape.rank != 2 or not negatives.shape[1:].is_compatible_with(
            key.shape[1:]
        ):
            raise ValueError(
                f"`negatives` must have shape (count, {key.shape[1]}). "
                f"Received: {negatives.shape}"
            )
        log_odds, _ = memory_log_odds(query, key, unit(negatives), temperature, valid)
        return tf.nn.softplus(log_odds)
    logits, positive = info_nce_logits(query, key, temperature, candidates, offset)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(positive, logits)


@keras.saving.register_keras_serializable(package="keras_contrastive")
class InfoNCE(keras.losses.Loss):
    """`info_nce` within a batch as a Keras loss: `InfoNCE()(key, query)`.

    Args:
        temperature: Above 0.
        **kwargs: `name`, `reduction`, `dtype`, as for every Keras loss.

    Raises:
        ValueError: If the temperature is not above 0.
    """

    def __init__(
        self, temperature: float = 0.07, name: str = "info_nce", **kwargs: Any
    ):
        super().__init__(name=name, **kwargs)
        self.temperature = check_temperature(temperature)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns one value an example of a batch of keys and one of queries."""
        return info_nce(y_pred, y_true, temperature=self.temperature)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "temperature": self.temperature}
