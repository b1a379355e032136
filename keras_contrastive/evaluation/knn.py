"""Weighted nearest neighbours: what frozen features are worth, with no training."""

from typing import Any

import numpy as np

from .checks import (
    check_count,
    check_positive,
    check_same_width,
    checked_features,
    checked_labels,
)
from .nearest_rows import NearestRows


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
    check_count("k", k)
    values, classes = np.unique(labels, return_inverse=True)
    predicted = np.empty(len(queries), labels.dtype)
    search = NearestRows(bank)
    for rows, similarity, nearest in search.blocks(queries, min(int(k), len(bank))):
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
