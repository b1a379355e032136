"""Linear probe: logistic regression on frozen features."""

from typing import Any

import numpy as np

from .checks import (
    check_positive,
    check_same_width,
    checked_features,
    checked_labels,
)

# Inverse strengths of the L2 penalty to choose from, and the one taken where there
# are too few labels to choose with. Measured on standardised features.
C_GRID = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
DEFAULT_C = 1.0
# A validation split of a fifth then holds at least two labels a class.
LABELS_TO_CHOOSE = 10


def linear_probe(
    train_features: Any,
    train_labels: Any,
    test_features: Any,
    test_labels: Any,
    c: float | None = None,
    standardise_on: Any | None = None,
    max_iterations: int = 1000,
    seed: int = 0,
) -> float:
    """Returns the test accuracy of logistic regression on standardised features.

    Softmax regression with the penalty `|w|^2 / (2 c)`, fitted by L-BFGS
    (scikit-learn). Each column first loses its mean and is divided by its standard
    deviation, both taken from training rows only. The test set takes no part in any
    choice.

    Args:
        train_features: `(n, dim)`.
        train_labels: Integer labels `(n,)`, of at least two classes.
        test_features: `(m, dim)`.
        test_labels: Integer labels `(m,)`. One that no training row has counts as
            missed.
        c: Inverse strength of the penalty, above 0. None chooses from 1e-3 to 10 by
            accuracy on a class-balanced fifth of the training rows where every class
            has at least 10, and takes 1.0 where one has fewer.
        standardise_on: Rows `(u, dim)` that the mean and the deviation come from;
            `train_features` by default. Give all unlabelled training features where
            only a few of them have a label: ten rows tell little about a deviation.
        max_iterations: Limit for the solver; scikit-learn warns where it is reached.
        seed: Draws the validation split.

    Returns:
        The accuracy, in [0, 1].

    Raises:
        TypeError: If labels are not integers.
        ValueError: For wrong shapes, values that are not finite, a single class, or
            `c` not above 0.
    """
    train = checked_features("train_features", train_features)
    test = checked_features("test_features", test_features)
    check_same_width(train, test)
    labels = checked_labels("train_labels", train_labels, len(train))
    expected = checked_labels("test_labels", test_labels, len(test))
    if c is not None:
        check_positive("c", c)
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2:
        raise ValueError(
            "`train_labels` must hold at least two classes. "
            f"Received: only class {classes[0]}"
        )
    if standardise_on is None:
        reference = train
    else:
        reference = checked_features("standardise_on", standardise_on)
        check_same_width(train, reference)
    mean = reference.mean(axis=0, dtype=np.float64)
    deviation = reference.std(axis=0, dtype=np.float64)
    # A column that never varies says nothing: leave its scale alone.
    deviation[deviation <= 1e-12 * np.maximum(np.abs(mean), 1.0)] = 1.0
    train, test = (
        ((x - mean) / deviation).astype(np.float32, copy=False) for x in (train, test)
    )
    if c is None:
        enough = counts.min() >= LABELS_TO_CHOOSE
        c = _chosen_c(train, labels, max_iterations, seed) if enough else DEFAULT_C
    return float(_fitted(train, labels, c, max_iterations).score(test, expected))


def _chosen_c(
    features: np.ndarray, labels: np.ndarray, max_iterations: int, seed: int
) -> float:
    """Returns the C that does best on a fifth of the training rows."""
    from sklearn.model_selection import train_test_split

    fit_x, held_x, fit_y, held_y = train_test_split(
        features, labels, test_size=0.2, stratify=labels, random_state=seed
    )
    scores = [
        _fitted(fit_x, fit_y, c, max_iterations).score(held_x, held_y) for c in C_GRID
    ]
    # argmax takes the first of equals: the strongest penalty.
    return C_GRID[int(np.argmax(scores))]


def _fitted(features: np.ndarray, labels: np.ndarray, c: float, max_iterations: int):
    """Returns scikit-learn's classifier, fitted."""
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(C=c, max_iter=max_iterations)
    return classifier.fit(features, labels)
