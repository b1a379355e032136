"""The constant Z of NPID: estimated from the first batch, then left alone."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute import all_gather, replica_count
from keras_contrastive.losses.npid_nce import log_partition_of


@keras.saving.register_keras_serializable(package="keras_contrastive")
class LogPartition(keras.layers.Layer):
    """log Z = log( n mean exp(s / tau) ), over the first global batch.

    Args:
        dataset_size: n.
        **kwargs: `name`.

    Attributes:
        value: log Z, a float32 scalar; minus infinity before the first batch.
    """

    def __init__(self, dataset_size: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.dataset_size = dataset_size
        self.value = self.add_weight(
            shape=(),
            dtype="float32",
            initializer=keras.initializers.Constant(-math.inf),
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
            name="value",
        )
        self.built = True

    def read(
        self, terms: Sequence[tuple[tf.Tensor, tf.Tensor]], training: bool
    ) -> tf.Tensor:
        """Returns log Z; in the first step of training it is estimated and kept.

        Args:
            terms: What `pirl_logits` returned, once for each kind of anchor.
            training: Whether an estimate is kept. Evaluation before any training
                uses one of its own batch.

        Returns:
            A scalar float32, equal on all replicas. No gradient flows through it.
        """
        known = tf.convert_to_tensor(self.value)
        is_known = tf.math.is_finite(known)

        def estimate() -> tf.Tensor:
            each = [log_partition_of(*term, self.dataset_size) for term in terms]
            return tf.reduce_logsumexp(tf.stack(each)) - math.log(len(each))

        own = tf.cond(is_known, lambda: known, estimate)
        mean = tf.reduce_logsumexp(all_gather(own[None])) - math.log(replica_count())
        # Not the mean of what is known, which rounding would let drift.
        value = tf.stop_gradient(tf.where(is_known, known, mean))
        if training:
            self.value.assign(value)
        return value

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"name": self.name, "dataset_size": self.dataset_size}
