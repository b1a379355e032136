"""Energies of many points, a batch at a time, and what they must be to count."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_contrastive.energies import Energy


def check_energy(energy: Any) -> None:
    """Stops at what has no likelihood of its own.

    Raises:
        TypeError: If it is no energy.
        ValueError: If its temperature is not 1.
    """
    if not isinstance(energy, Energy):
        raise TypeError(
            "`energy` must be a `keras_contrastive.energies.Energy`. "
            f"Received: {energy!r}"
        )
    if energy.temperature != 1:
        raise ValueError(
            "`energy` must have temperature 1: exp(-E / T) is another model, whose "
            "likelihood says nothing about exp(-E). "
            f"Received: {type(energy).__name__} at temperature {energy.temperature}"
        )


def event_shape(energy: Energy) -> tuple[int, ...]:
    """Returns the shape of the energy's points.

    Raises:
        ValueError: If the energy does not say.
    """
    shape = energy.event_shape
    if shape is None or None in shape:
        raise ValueError(
            "`energy` must have an `event_shape` of known sizes. "
            f"Received: {type(energy).__name__} with {shape}"
        )
    return tuple(shape)


def energy_values(energy: Energy, x: Any, batch_size: int = 1024) -> np.ndarray:
    """Returns the energies of points, `(n,)` float64.

    Args:
        energy: What is evaluated.
        x: `(n, ...)`.
        batch_size: Points evaluated at once.

    Raises:
        ValueError: If one is NaN or -inf, or `batch_size` is below 1. Infinity is the
            energy of what cannot be.
    """
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Received: {batch_size}")
    x = np.asarray(x)
    spec = tf.TensorSpec([None, *x.shape[1:]], x.dtype)
    evaluate = tf.function(lambda x: energy(x), [spec], autograph=False)
    starts = range(0, len(x), batch_size)
    parts = [evaluate(x[start : start + batch_size]).numpy() for start in starts]
    return check_values(np.concatenate([np.zeros(0), *parts]))


def check_values(values: np.ndarray) -> np.ndarray:
    """Returns energies.

    Raises:
        ValueError: If one is NaN or -inf.
    """
    bad = np.isnan(values) | np.isneginf(values)
    if bad.any():
        raise ValueError(
            "`energy` must give numbers or infinity. Received: NaN or -inf for "
            f"{bad.sum()} of {len(values)} points"
        )
    return values
