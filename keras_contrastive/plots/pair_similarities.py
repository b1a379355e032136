"""The energy as contrastive learning sees it: positives together, negatives apart."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_contrastive.evaluation.representation import unit_rows
from keras_contrastive.plots.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BINS = np.linspace(-1, 1, 61)


def plot_pair_similarities(moments: Mapping[str, tuple[Any, Any]]) -> "Figure":
    """Draws histograms of the cosines of positive and of negative pairs.

    The energy of a pair is minus its cosine: training pushes it down for positives,
    which move to the right, and up for negatives.

    Args:
        moments: By name, such as "before" and "after": embeddings `(n, dim)` of the
            first and of the second view of n images, at least 2. A positive pair is
            one image's two views, a negative one two images'.

    Returns:
        A figure with a panel a moment, one below the other.

    Raises:
        ValueError: If there is no moment, or shapes do not fit.
    """
    if not moments:
        raise ValueError("`moments` must hold at least one. Received: none")
    figure = new_figure(6, 0.6 + 1.9 * len(moments))
    axes = figure.subplots(len(moments), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (name, views) in zip(axes, moments.items(), strict=True):
        cosines = _cosines(name, *views)
        positive = np.diag(cosines)
        negative = cosines[~np.eye(len(cosines), dtype=bool)]
        for values, color, words in (
            (negative, "tab:red", "negatives"),
            (positive, "tab:blue", "positives"),
        ):
            label = f"{words}, mean {values.mean():.2f}"
            ax.hist(values, _BINS, density=True, color=color, alpha=0.5, label=label)
        ax.set_title(name, fontsize=10)
        ax.set_yticks([])
        ax.spines[["top", "left", "right"]].set_visible(False)
        ax.legend(frameon=False, fontsize=8, loc="upper left")
    axes[-1].set_xlabel("cosine of a pair: its energy with the sign turned")
    return figure


def _cosines(name: str, first: Any, second: Any) -> np.ndarray:
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim != 2 or len(first) < 2:
        raise ValueError(
            "`moments` must hold two views (n, dim) of at least 2 images. "
            f"Received: {name!r} with shapes {first.shape} and {second.shape}"
        )
    return unit_rows(first) @ unit_rows(second).T
