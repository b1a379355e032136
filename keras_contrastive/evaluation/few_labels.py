"""What features are worth when only a few images have a label."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .checks import check_same_width, checked_features, checked_labels
from .knn import knn_accuracy
from .linear import linear_probe


@dataclass(frozen=True)
class LabelEfficiency:
    """Accuracies at one budget of labels.

    Attributes:
        labels_per_class: Labels a class; None for all labels.
        draws: How many draws of the labels the numbers are taken over.
        knn_mean: Mean accuracy of the nearest-neighbour vote, in [0, 1].
        knn_std: Its standard deviation over the draws (that of a sample, n - 1);
            None where there is one draw.
        linear_mean: Mean accuracy of the linear probe, in [0, 1].
        linear_std: Its standard deviation over the draws; None where there is one.
    """

    labels_per_class: int | None
    draws: int
    knn_mean: float
    knn_std: float | None
    linear_mean: float
    linear_std: float | None


def class_balanced_subset(
    labels: Any, per_class: int, seed: int | Sequence[int] = 0
) -> np.ndarray:
    """Draws the same number of rows of every class, without replacement.

    Args:
        labels: Integer labels `(n,)`.
        per_class: Rows to draw of each class, at least 1.
        seed: One integer or several, none negative. The same seed draws the same
            rows.

    Returns:
        Row numbers `(classes * per_class,)`, int64, rising.

    Raises:
        TypeError: If the labels are not integers.
        ValueError: If there are no labels, `per_class` is below 1, or a class has
            fewer rows than that.
    """
    labels = checked_labels("labels", labels, np.size(labels))
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) == 0:
        raise ValueError("`labels` must not be empty. Received: shape (0,)")
    if per_class < 1:
        raise ValueError(f"`per_class` must be at least 1. Received: {per_class}")
    if counts.min() < per_class:
        scarce = counts.argmin()
        raise ValueError(
            f"`per_class` must not exceed the smallest class, which is class "
            f"{classes[scarce]} with {counts[scarce]} rows. Received: {per_class}"
        )
    generator = np.random.default_rng(seed)
    drawn = [
        generator.choice(np.flatnonzero(labels == value), per_class, replace=False)
        for value in classes
    ]
    return np.sort(np.concatenate(drawn))


def label_efficiency(
    train_features: Any,
    train_labels: Any,
    test_features: Any,
    test_labels: Any,
    labels_per_class: Sequence[int | None] = (1, 5, None),
    draws: int = 5,
    seed: int = 0,
    k: int = 200,
    temperature: float = 0.1,
) -> list[LabelEfficiency]:
    """Measures a nearest-neighbour vote and a linear probe at several label budgets.

    The draws depend on `seed`, the budget and the labels alone, so that two
    representations of the same images meet the same draws. The probe's mean and
    deviation come from all training features, labelled or not: they need no label.
    With all labels nothing is drawn, so that there is one number and no spread.

    Args:
        train_features: `(n, dim)`.
        train_labels: Integer labels `(n,)`.
        test_features: `(m, dim)`.
        test_labels: Integer labels `(m,)`.
        labels_per_class: Budgets; None stands for all labels.
        draws: Draws a budget, at least 1.
        seed: Not negative.
        k: Neighbours that vote; clipped to the number of labels there are.
        temperature: Of the vote, above 0.

    Returns:
        One result a budget, in the order given.

    Raises:
        TypeError: If labels are not integers.
        ValueError: If a class has fewer rows than a budget asks for, for `draws`
            below 1, and as `knn_accuracy` and `linear_probe`.
    """
    train = checked_features("train_features", train_features)
    test = checked_features("test_features", test_features)
    check_same_width(train, test)
    labels = checked_labels("train_labels", train_labels, len(train))
    if draws < 1:
        raise ValueError(f"`draws` must be at least 1. Received: {draws}")
    results = []
    for budget in labels_per_class:
        if budget is None:
            subsets = [np.arange(len(train))]
        else:
            subsets = [
                class_balanced_subset(labels, budget, (seed, budget, draw))
                for draw in range(draws)
            ]
        knn, linear = [], []
        for rows in subsets:
            few = train[rows], labels[rows], test, test_labels
            knn.append(knn_accuracy(*few, k=k, temperature=temperature))
            linear.append(linear_probe(*few, standardise_on=train, seed=seed))
        results.append(
            LabelEfficiency(
                budget,
                len(subsets),
                float(np.mean(knn)),
                spread(knn),
                float(np.mean(linear)),
                spread(linear),
            )
        )
    return results


def spread(values: list[float]) -> float | None:
    """Returns the sample standard deviation, or None for a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
