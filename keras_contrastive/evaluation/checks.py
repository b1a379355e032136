"""Early checks of the features and labels that the measures are given."""

from typing import Any

import numpy as np


def checked_features(name: str, features: Any) -> np.ndarray:
    """Returns `features` as an array, after checking rank, size and finiteness.

    Args:
        name: The argument's name, for the error message.
        features: Real numbers `(n, dim)`: an array or an eager tensor.

    Returns:
        The same numbers `(n, dim)`, not copied where they are an array already.

    Raises:
        ValueError: For another rank, no rows, no columns, NaN or infinity.
    """
    features = np.asarray(features)
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(
            f"`{name}` must hold at least one row, of shape (n, dim). "
            f"Received: shape {features.shape}"
        )
    # One sum finds NaN and infinity without a mask as large as the bank.
    with np.errstate(invalid="ignore", over="ignore"):
        total = np.sum(features, dtype=np.float64)
    if not np.isfinite(total):
        raise ValueError(
            f"`{name}` must be finite. Received: NaN or infinity among "
            f"{features.shape[0]} rows"
        )
    return features


def checked_labels(name: str, labels: Any, count: int) -> np.ndarray:
    """Returns `labels` as an array, after checking rank, length and dtype.

    Args:
        name: The argument's name, for the error message.
        labels: Integer class labels `(n,)`; any integers, also with gaps.
        count: The length that is expected.

    Returns:
        The labels `(n,)`.

    Raises:
        TypeError: If the labels are not integers.
        ValueError: For another rank or length.
    """
    labels = np.asarray(labels)
    if labels.shape != (count,):
        raise ValueError(
            f"`{name}` must hold one label a row, of shape ({count},). "
            f"Received: shape {labels.shape}"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"`{name}` must be integers. Received: dtype {labels.dtype}")
    return labels


def checked_rows(
    name: str, rows: Any, count: int, length: int, several: bool = False
) -> np.ndarray:
    """Returns row numbers as an array, after checking shape, dtype and range.

    Args:
        name: The argument's name, for the error message.
        rows: Integers from 0 to `count` - 1: `(length,)`, or `(length, k)` with k at
            least 1.
        count: Rows that there are to point at.
        length: How many there have to be.
        several: Whether each of them is a row of k, and not one number.

    Returns:
        The numbers in their shape.

    Raises:
        ValueError: For another rank or length, none at all, other numbers than
            integers, or rows that there are not.
    """
    rows = np.asarray(rows)
    if (
        rows.ndim != 1 + several
        or len(rows) != length
        or not rows.size
        or rows.dtype.kind not in "iu"
        or rows.min() < 0
        or rows.max() >= count
    ):
        shape = f"({length}, k)" if several else f"({length},)"
        raise ValueError(
            f"`{name}` must be integers from 0 to {count - 1}, of shape {shape}. "
            f"Received: shape {rows.shape} of {rows.dtype}"
            + (f" from {rows.min()} to {rows.max()}" if rows.size else "")
        )
    return rows


def check_same_width(train_features: np.ndarray, test_features: np.ndarray) -> None:
    """Raises a ValueError where the two sets have features of different width."""
    if train_features.shape[1] != test_features.shape[1]:
        raise ValueError(
            "`train_features` and `test_features` must have the same number of "
            f"columns. Received: shapes {train_features.shape} and "
            f"{test_features.shape}"
        )


def check_count(name: str, count: int) -> None:
    """Raises a TypeError unless `count` is an integer, a ValueError below 1."""
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
        raise TypeError(f"`{name}` must be an integer. Received: {count!r}")
    if count < 1:
        raise ValueError(f"`{name}` must be at least 1. Received: {count}")


def check_positive(name: str, value: float) -> None:
    """Raises a ValueError unless `value` is a finite number above zero."""
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"`{name}` must be above 0. Received: {value}")
