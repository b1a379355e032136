"""Batches that replicas can share equally, whatever their size was."""

from typing import Any

import tensorflow as tf

_ROWS, _KEPT = "filled rows", "kept"


def filled(x: Any, batch_size: int | None, replicas: int) -> tf.data.Dataset:
    """Returns batches filled up with copies of rows to multiples of the replicas.

    Args:
        x: Arrays `(n, ...)`, or a dataset of batches, of which `(x, y)` gives its x.
        batch_size: Rows a batch, of arrays; None takes Keras's 32.
        replicas: How many share a batch.

    Returns:
        Batches that `is_filled` knows: the rows, and a 1 for each that was there.
    """
    if not isinstance(x, tf.data.Dataset):
        x = tf.data.Dataset.from_tensor_slices(x).batch(batch_size or 32)

    def fill(*element: Any) -> dict[str, Any]:
        rows = element[0]
        count = tf.shape(tf.nest.flatten(rows)[0])[0]
        short = tf.math.floormod(-count, replicas)
        index = tf.concat([tf.range(count), tf.zeros([short], tf.int32)], axis=0)
        taken = tf.nest.map_structure(lambda x: tf.gather(x, index), rows)
        # As numbers, for several workers cannot gather booleans.
        return {_ROWS: taken, _KEPT: tf.cast(tf.range(count + short) < count, tf.int32)}

    return x.map(fill, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def is_filled(data: Any) -> bool:
    """Returns whether a batch was made by `filled`."""
    return isinstance(data, dict) and list(data) == [_ROWS, _KEPT]
