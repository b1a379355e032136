"""Weighted nearest neighbours: what frozen features are worth, with no training."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from .checks import (
    check_positive,
    check_same_width,
    checked_features,
    checked_labels,
)

# Together these hold one block of similarities, (2048, 8192), to 64 MiB, and one
# block of the bank to 64 MiB however wide the features are.
_QUERY_ROWS = 2048
_BANK_ROWS = 8192
_BLOCK_NUMBERS = 2**24


def knn_predict(
    train_features: Any,
    train_labels: Any,
    test_features: Any,
    k: int = 200,
    temperature: float = 0.1,
) -> np.ndarray:
    """Predicts labels by a vote of the k most similar training rows.

    The vote of class c for a query is the sum of `exp(s_i / temperature)` over the
    neighbours i of class c, where s_i is the cosine similarity (Wu et al. 2018,
    "Unsupervised Feature Learning via Non-Parametric Instance Discrimination").
    The largest similarity is subtracted before the exponential, which changes no
    vote's rank and is safe at any temperature.

    Queries and bank are both taken in blocks, and the bank is never copied as a
    whole: beside the arguments this needs less than half a GiB, however large they
    are. Of equal similarities the earlier row counts as nearer; of equal votes the
    smaller label wins. On a GPU that multiplies in TensorFloat-32 the similarities
    carry about three digits.

    Args:
        train_features: The bank `(n, dim)`, any real dtype, any lengths. A row of
            zeros has similarity 0 to everything.
        train_labels: Integer labels `(n,)`.
        test_features: Queries `(m, dim)`.
        k: Number of neighbours. A k above n means all n rows, so that one call
            serves banks of a few labels too.
        temperature: Above 0. Small values make the nearest row decide alone.

    Returns:
        Predicted labels `(m,)`, in the dtype of `train_labels`.

    Raises:
        TypeError: If `k` or the labels are not integers.
        ValueError: For wrong shapes, values that are not finite, `k` below 1 or
            `temperature` not above 0.
    """
    bank = checked_features("train_features", train_features)
    queries = checked_features("test_features", test_features)
    check_same_width(bank, queries)
    labels = checked_labels("train_labels", train_labels, len(bank))
    check_positive("temperature", temperature)
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)):
        raise TypeError(f"`k` must be an integer. Received: {k!r}")
    if k < 1:
        raise ValueError(f"`k` must be at least 1. Received: {k}")
    values, classes = np.unique(labels, return_inverse=True)
    scales = _inverse_lengths(bank)
    predicted = np.empty(len(queries), labels.dtype)
    for rows in _blocks(len(queries), _QUERY_ROWS):
        unit = queries[rows].astype(np.float32) * _inverse_lengths(queries[rows])
        similarity, nearest = _nearest(unit, bank, scales, min(int(k), len(bank)))
        votes = _votes(similarity, classes[nearest], len(values), temperature)
        predicted[rows] = values[votes.argmax(axis=1)]
    return predicted


def knn_accuracy(
    train_features: Any,
    train_labels: Any,
    test_features: Any,
    test_labels: Any,
    k: int = 200,
    temperature: float = 0.1,
) -> float:
    """Returns the share of test rows whose label `knn_predict` finds.

    Args:
        train_features: The bank `(n, dim)`.
        train_labels: Integer labels `(n,)`.
        test_features: Queries `(m, dim)`.
        test_labels: Integer labels `(m,)`. One that no bank row has counts as
            missed.
        k: Number of neighbours, at most n of which are used.
        temperature: Above 0.

    Returns:
        The accuracy, in [0, 1].

    Raises:
        TypeError: If `k` or the labels are not integers.
        ValueError: As `knn_predict`, and for `test_labels` of another length.
    """
    queries = checked_features("test_features", test_features)
    expected = checked_labels("test_labels", test_labels, len(queries))
    predicted = knn_predict(train_features, train_labels, queries, k, temperature)
    return float(np.mean(predicted == expected))


def _nearest(
    queries: np.ndarray, bank: np.ndarray, scales: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the k largest cosines `(q, k)`, falling, and their bank rows `(q, k)`.

    Args:
        queries: Unit rows `(q, dim)`, float32.
        bank: Rows `(n, dim)` of any length.
        scales: One over each bank row's length `(n, 1)`.
        k: At most n.
    """
    queries = tf.constant(queries)
    best = tf.zeros((len(queries), 0), tf.float32)
    best_rows = tf.zeros((len(queries), 0), tf.int64)
    size = min(_BANK_ROWS, max(1, _BLOCK_NUMBERS // bank.shape[1]))
    for rows in _blocks(len(bank), size):
        unit = bank[rows].astype(np.float32) * scales[rows]  # (b, dim)
        similarity = tf.matmul(queries, unit, transpose_b=True)  # (q, b)
        top, at = tf.math.top_k(similarity, min(k, len(unit)))
        # top_k puts the lower index first among equals, and the rows found so far
        # stand before the new ones: the earlier row wins across blocks as well.
        merged = tf.concat([best, top], axis=1)
        merged_rows = tf.concat([best_rows, tf.cast(at, tf.int64) + rows.start], axis=1)
        best, at = tf.math.top_k(merged, min(k, merged.shape[1]))
        best_rows = tf.gather(merged_rows, at, batch_dims=1)
    return best.numpy(), best_rows.numpy()


def _votes(
    similarity: np.ndarray, classes: np.ndarray, count: int, temperature: float
) -> np.ndarray:
    """Returns the votes `(q, count)` of neighbours `(q, k)`, the first the nearest."""
    shifted = similarity.astype(np.float64) - similarity[:, :1]
    weights = np.exp(shifted / temperature)
    queries = len(similarity)
    slots = np.arange(queries)[:, None] * count + classes
    votes = np.bincount(slots.ravel(), weights.ravel(), minlength=queries * count)
    return votes.reshape(queries, count)


def _inverse_lengths(features: np.ndarray) -> np.ndarray:
    """Returns one over the length of each row `(n, 1)`, float32; 0 for a zero row."""
    inverse = np.zeros((len(features), 1), np.float32)
    size = max(1, _BLOCK_NUMBERS // 64 // features.shape[1])
    for rows in _blocks(len(features), size):
        # In float64 no square of a float32 overflows or vanishes.
        lengths = np.linalg.norm(features[rows].astype(np.float64), axis=1)
        np.divide(1.0, lengths, out=inverse[rows, 0], where=lengths > 0)
    return inverse


def _blocks(count: int, size: int) -> Iterator[slice]:
    """Yields slices that cover `range(count)`, `size` at a time."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
