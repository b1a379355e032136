"""Which proposals are accepted, and what a chain then is."""

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


def finite_energies(energies: tf.Tensor) -> tf.Tensor:
    """Returns energies of where chains start; stops at one that is no number.

    A chain there would refuse or accept for ever. Under XLA, which has no assertions,
    it stays where it is.

    Raises:
        tf.errors.InvalidArgumentError: When run on energies that are not finite.
    """
    check = tf.debugging.Assert(
        tf.reduce_all(tf.math.is_finite(energies)),
        ["`energy` must be finite where chains start. Received:", energies],
    )
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(energies)


def check_positive(name: str, value: float) -> float:
    """Returns a number.

    Raises:
        ValueError: If it is not finite and above 0.
    """
    if not 0 < value < float("inf"):
        raise ValueError(f"`{name}` must be a finite number above 0. Received: {value}")
    return value
