"""What samplers share that propose a point, and then accept or refuse it."""

import math
from typing import Any

import tensorflow as tf

from keras_contrastive import _seeded


def accept(log_ratio: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns which proposals Metropolis and Hastings accept, `(batch,)` bool.

    With probability min(1, exp(log_ratio)); never where the ratio is not a number.

    Args:
        log_ratio: `(batch,)`, float32 or finer.
        seed: Two integers.
    """
    # 1 - u is in (0, 1]: a ratio of 1 is always accepted.
    uniform = 1 - _seeded.uniform(tf.shape(log_ratio), seed)
    return tf.math.log(tf.cast(uniform, log_ratio.dtype)) <= log_ratio


def choose(accepted: tf.Tensor, new: Any, old: Any) -> Any:
    """Returns, chain by chain, the new values where accepted, else the old ones.

    Args:
        accepted: `(batch,)` bool.
        new: A structure of `(batch, ...)`.
        old: One like it.
    """

    def each(new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
        shape = tf.concat(
            [tf.shape(accepted), tf.ones([new.shape.rank - 1], "int32")], 0
        )
        return tf.where(tf.reshape(accepted, shape), new, old)

    return tf.nest.map_structure(each, new, old)


def finite_energies(energies: tf.Tensor, slopes: tf.Tensor | None = None) -> tf.Tensor:
    """Returns energies of where chains start; stops at what is no number.

    A chain there would refuse or accept for ever. Under XLA, which has no assertions,
    it stays where it is, and its acceptance is 0.

    Args:
        energies: `(batch,)`.
        slopes: What of the gradient proposals are made of, `(batch, ...)`; None where
            they are made of none.

    Raises:
        tf.errors.InvalidArgumentError: When run on energies or slopes that are not
            finite.
    """
    finite = tf.reduce_all(tf.math.is_finite(energies))
    subject = "`energy`"
    if slopes is not None:
        finite &= tf.reduce_all(tf.math.is_finite(slopes))
        subject = "`energy` and its gradient"
    message = f"{subject} must be finite where chains start. Received:"
    check = tf.debugging.Assert(finite, [message, energies])
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(energies)


def flattened(x: tf.Tensor) -> tf.Tensor:
    """Returns points as rows, `(batch, d)`."""
    return tf.reshape(x, [-1, math.prod(x.shape[1:])])


def flipped(x: tf.Tensor, sites: tf.Tensor) -> tf.Tensor:
    """Returns bits `(batch, d)`, one of each row flipped: that of number `sites`."""
    here = tf.one_hot(sites, tf.shape(x)[1], dtype=x.dtype)
    return x + here * (1 - 2 * x)
