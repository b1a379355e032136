"""Every replica's rows on every replica, with their gradient."""

import tensorflow as tf

# Bytes: a link of 25 GB/s sends so many in some 40 microseconds, the latency of two
# collectives.
_SMALL = 2**20


def replica_index() -> tf.Tensor | int:
    """Returns this replica's number among all, 0 outside a replica."""
    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group


def replica_count() -> int:
    """Returns how many replicas step together under the current strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def is_tpu(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether a strategy runs on TPU cores."""
    return isinstance(strategy, tf.distribute.TPUStrategy)


def all_gather(x: tf.Tensor) -> tf.Tensor:
    """Concatenates a tensor over all replicas, in replica order.

    Differentiable: the gradient that any replica sends to a row arrives, summed, at
    the replica that the row came from.

    Args:
        x: `(batch, ...)`, of one size on all replicas.

    Returns:
        `(replicas * batch, ...)`, equal on all replicas; `x` itself on one replica.

    Raises:
        RuntimeError: If called for several replicas but outside of them.
    """
    replicas = replica_count()
    if replicas == 1:
        return x
    context = tf.distribute.get_replica_context()
    if context is None:
        raise RuntimeError(
            "all_gather must be called inside a replica, in a function that is given "
            "to `strategy.run`. Received: a call in cross-replica context"
        )
    if not is_tpu(context.strategy) and not _is_small(x, replicas):
        # What comes straight from the dataset has no device yet, which several
        # processes need.
        gathered = context.all_gather(tf.identity(x), axis=0)
        rows = None if x.shape[0] is None else replicas * x.shape[0]
        return tf.ensure_shape(gathered, [rows, *x.shape[1:]])
    # A sum of disjoint rows, whose gradient is the same sum: TPUs have no gather of
    # their own here, and others first gather the sizes, which costs what it waits.
    batch = x.shape[0]
    own = tf.range(replicas) == context.replica_id_in_sync_group
    # Not by a product: 0 times what is not finite would reach everybody's rows.
    own = tf.reshape(own, [-1] + [1] * x.shape.rank)
    rows = tf.where(own, x[None], tf.zeros([], x.dtype))
    rows = context.all_reduce(tf.distribute.ReduceOp.SUM, rows)
    return tf.reshape(rows, [replicas * batch, *x.shape[1:]])


def all_gather_together(*tensors: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Gathers several tensors of one shape and type at once; see `all_gather`.

    One way over the network, and one back for the gradient, whatever their number.

    Args:
        *tensors: `(batch, ...)` each.

    Returns:
        `(replicas * batch, ...)` each; the tensors themselves on one replica.
    """
    if replica_count() == 1:
        return tensors
    return tuple(tf.unstack(all_gather(tf.stack(tensors, axis=1)), axis=1))


def _is_small(x: tf.Tensor, replicas: int) -> bool:
    """Whether a collective of everybody's rows waits for longer than it sends."""
    if x.dtype != tf.float32 or not x.shape.is_fully_defined():
        return False
    return replicas * x.shape.num_elements() * x.dtype.size <= _SMALL
