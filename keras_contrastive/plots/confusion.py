"""Which classes are taken for which."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_contrastive.plots.embedding import class_name
from keras_contrastive.plots.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_NUMBERS = 20
_CELL, _LEAST = 0.42, 3.2


def plot_confusion(
    labels: Any, predicted: Any, class_names: Sequence[str] | None = None
) -> "Figure":
    """Draws the share of each true class that is taken for each class.

    Args:
        labels: True classes `(n,)`, integers.
        predicted: What they were taken for, `(n,)` integers.
        class_names: Name of class 0, 1, ...; None: the numbers themselves.

    Returns:
        A figure: a row a true class, whose shares sum to 1, with the class's accuracy
        beside its name and the whole's in the title.

    Raises:
        ValueError: If the two are not integers of one length, at least one.
    """
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    for name, values in (("labels", labels), ("predicted", predicted)):
        if values.shape != labels.shape[:1] or not values.size:
            raise ValueError(
                f"`{name}` must be one class an image, as many as there are labels. "
                f"Received: shapes {labels.shape} and {predicted.shape}"
            )
        if values.dtype.kind not in "iu":
            raise ValueError(f"`{name}` must be integers. Received: {values.dtype}")
    classes, index = np.unique(np.concatenate([labels, predicted]), return_inverse=True)
    count = len(classes)
    pairs = index[: len(labels)] * count + index[len(labels) :]
    counts = np.bincount(pairs, minlength=count**2).reshape(count, count)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [class_name(label, class_names) for label in classes]
    side = max(_LEAST, _CELL * count)
    figure = new_figure(side + 1.2, side + 0.8)
    ax = figure.subplots()
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        if count <= _MOST_NUMBERS and counts[row, column]:
            color = "white" if share > 0.5 else "black"
            words = f"{100 * share:.0f}"
            ax.text(column, row, words, ha="center", va="center", color=color, size=8)
    seen = counts.sum(axis=1) > 0
    marks = [
        f"{name}  {shares[i, i]:.0%}" if seen[i] else f"{name}  (none)"
        for i, name in enumerate(names)
    ]
    ax.set_yticks(range(count), marks, fontsize=8)
    ax.set_xticks(range(count), names, fontsize=8, rotation=90)
    ax.set_ylabel("true class, and its accuracy")
    ax.set_xlabel("taken for, % of the row")
    ax.set_title(f"{np.mean(labels == predicted):.1%} right", fontsize=11)
    return figure
