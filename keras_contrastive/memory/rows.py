"""Rows of a large variable, read and written without a look at the others.

By the variable's handle: `tf.gather` of a mirrored variable reads the whole of it, and
a variable that was read is copied when it is next written. Under a strategy these are
called inside its replicas, and each writes its own copy.
"""

import keras
import tensorflow as tf


def read_rows(variable: keras.Variable, rows: tf.Tensor) -> tf.Tensor:
    """Returns `(count, ...)`, the rows of a variable `(size, ...)` by number."""
    values = tf.raw_ops.ResourceGather(
        resource=variable.handle, indices=rows, dtype=variable.dtype
    )
    return tf.ensure_shape(values, [*rows.shape, *variable.shape[1:]])


def write_rows(variable: keras.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
    """Overwrites rows; those that stand twice must be given one value.

    Args:
        variable: `(size, ...)`.
        rows: `(count,)` int32 or int64.
        values: `(count, ...)`, of the variable's dtype.
    """
    tf.raw_ops.ResourceScatterUpdate(
        resource=variable.handle, indices=rows, updates=values
    )
