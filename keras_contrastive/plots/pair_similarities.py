"""The energy as contrastive learning sees it: low for positives, not for negatives."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_contrastive.evaluation.pair_histogram import PairHistogram, pair_histogram
from keras_contrastive.plots.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Of the room between two moments, what the highest bar of either side takes.
_REACH = 0.42


def plot_pair_similarities(
    moments: Mapping[Any, PairHistogram | tuple[Any, Any]],
) -> "Figure":
    """Draws the energies of positive and of negative pairs, moment by moment.

    The energy of a pair is minus its cosine. Training opens a gap between positives,
    below, and negatives, above; where all pairs lie near -1 before it, as under a net
    that takes all images for alike, the gap opens because the negatives go up.

    Args:
        moments: By name, from the left to the right; a number is the epochs trained, as
            `kc.callbacks.read_pairs` returns them. Histograms, or embeddings `(n, dim)`
            of the first and of the second view of n images, at least 2. A positive pair
            is one image's two views, a negative one two images'.

    Returns:
        A figure: at each moment the positives' histogram to the left and the negatives'
        to the right, each as wide as the other where it is widest, and lines through
        their means.

    Raises:
        ValueError: If there is no moment, or shapes do not fit.
    """
    if not moments:
        raise ValueError("`moments` must hold at least one. Received: none")
    found = {name: _histogram(name, value) for name, value in moments.items()}
    figure = new_figure(max(1.3 * len(found) + 0.8, 5.6), 3.8)
    ax = figure.subplots()
    for side, kind, color, words in (
        (-1, "positive", "tab:blue", "positives: two views of an image"),
        (1, "negative", "tab:red", "negatives: views of two images"),
    ):
        for place, histogram in enumerate(found.values()):
            _draw_side(ax, place, getattr(histogram, f"{kind}s"), side, color)
        means = [-getattr(x, f"{kind}_mean") for x in found.values()]
        ax.plot(range(len(means)), means, "o-", color=color, label=words, markersize=4)
    ax.set_xticks(range(len(found)), [_words(name) for name in found], fontsize=9)
    ax.set_xlim(-0.6, len(found) - 0.4)
    ax.set_ylabel("energy of a pair: minus its cosine", fontsize=9)
    ax.tick_params(labelsize=9)
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=9)
    return figure


def _draw_side(
    ax: "Axes", place: int, counts: np.ndarray, side: int, color: str
) -> None:
    """Draws a histogram that lies on its side, from its place to one side."""
    # What no pair is in would be a line along the whole axis.
    filled = np.flatnonzero(counts)
    low, high = filled[0], filled[-1] + 1
    # As wide as the number of pairs allows: a few in each narrow bin are mere noise.
    width = max(1, round((high - low) / (2 * counts.sum() ** (1 / 3))))
    # At the end that is far from the highest cosine, beyond which there is none.
    room = -(high - low) % width
    bars = np.pad(counts[low:high], (room, 0)).reshape(-1, width).sum(axis=1)
    # Energies fall where cosines rise.
    edges = 1 - 2 / len(counts) * (low - room + width * np.arange(len(bars) + 1))
    ax.stairs(
        place + side * _REACH * bars / bars.max(),
        edges,
        baseline=place,
        orientation="horizontal",
        fill=True,
        color=color,
        alpha=0.45,
    )


def _histogram(name: Any, value: PairHistogram | tuple[Any, Any]) -> PairHistogram:
    if isinstance(value, PairHistogram):
        return value
    try:
        return pair_histogram(*value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "`moments` must hold histograms, or two views (n, dim) of at least 2 "
            f"images. Received: {name!r}: {error}"
        ) from error


def _words(name: Any) -> str:
    if not isinstance(name, int):
        return str(name)
    return f"after epoch {name}" if name else "before training"
