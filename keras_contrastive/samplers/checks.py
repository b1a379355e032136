"""What samplers are told, looked at before they walk."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf


def check_positive(name: str, value: float) -> float:
    """Returns a number.

    Raises:
        ValueError: If it is not finite and above 0.
    """
    if not 0 < value < float("inf"):
        raise ValueError(f"`{name}` must be a finite number above 0. Received: {value}")
    return value


def checked_steps(steps: Any) -> int | tf.Tensor:
    """Returns a number of steps: an int, or an int32 scalar where a graph computes it.

    Raises:
        ValueError: If it is no integer or negative.
        tf.errors.InvalidArgumentError: When run on a computed one that is negative;
            under XLA, which has no assertions, that is no step.
    """
    wrong = "`steps` must be an integer from 0. Received:"
    if isinstance(steps, tf.Variable | keras.Variable):
        steps = tf.convert_to_tensor(steps)
    if tf.is_tensor(steps):
        if not steps.dtype.is_integer or steps.shape.rank != 0:
            raise ValueError(f"{wrong} {steps!r}")
        if not tf.executing_eagerly():
            check = tf.debugging.Assert(steps >= 0, [wrong, steps])
            with tf.control_dependencies([check] if check is not None else []):
                return tf.cast(steps, tf.int32)
        steps = steps.numpy()
    if not _is_integer(steps) or steps < 0:
        raise ValueError(f"{wrong} {steps!r}")
    return int(steps)


def check_records(steps: Any, thin: Any) -> tuple[int, int]:
    """Returns how many records there are, and the steps from one to the next.

    Raises:
        ValueError: If `thin` is below 1 or `steps` no positive multiple of it.
    """
    if not _is_integer(thin) or thin < 1:
        raise ValueError(f"`thin` must be a positive integer. Received: {thin!r}")
    if not _is_integer(steps) or steps < thin or steps % thin:
        raise ValueError(
            f"`steps` must be a positive multiple of thin={thin}. Received: {steps!r}"
        )
    return int(steps) // int(thin), int(thin)


def checked_seed(seed: Any) -> tf.Tensor:
    """Returns a seed, `(2,)` int64.

    Raises:
        ValueError: If it is not two integers.
    """
    numbers = tf.convert_to_tensor(seed)
    if not numbers.dtype.is_integer or not numbers.shape.is_compatible_with([2]):
        raise ValueError(f"`seed` must be two integers. Received: {seed!r}")
    return tf.cast(numbers, tf.int64)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
