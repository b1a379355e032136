"""Whether numbers are finite on every replica."""

from collections.abc import Sequence

import tensorflow as tf


def all_finite(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns whether all numbers are finite, on all replicas of a step.

    Each replica gets the same answer, so what it decides is done by all or by none.

    Args:
        tensors: This replica's, at least one, of any shapes and float types.

    Returns:
        A bool scalar.
    """
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(x)) for x in tensors])
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return finite
    count = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(finite, tf.float32))
    return count >= float(context.num_replicas_in_sync)
