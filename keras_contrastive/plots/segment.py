"""The energy along the way from one point to another."""

from typing import TYPE_CHECKING

from keras_contrastive.evaluation.flat_spots import SegmentSpots
from keras_contrastive.plots.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_segment(spots: SegmentSpots, title: str = "between two points") -> "Figure":
    """Draws what `kc.evaluation.flat_spots_between` found.

    Args:
        spots: The energy along a segment and its minima.
        title: What is above it.

    Returns:
        A figure: the energy, its false minima as crosses and other ones as rings.
    """
    figure = new_figure(5.0, 3.2)
    ax = figure.subplots()
    ax.plot(spots.positions, spots.energies, color="#1f77b4")
    lowest = spots.energies[[list(spots.positions).index(x) for x in spots.minima]]
    for chosen, marker, label in (
        (spots.false, "X", "flat spot: points are sent away from it"),
        (~spots.false, "o", "other minimum"),
    ):
        if chosen.any():
            places = spots.minima[chosen], lowest[chosen]
            ax.scatter(*places, marker=marker, color="#e8000d", zorder=3, label=label)
    if len(spots.minima):
        ax.legend(frameon=False, fontsize=9)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("share of the way", fontsize=9)
    ax.set_ylabel("|r(x) - x|²", fontsize=9)
    ax.tick_params(labelsize=9)
    ax.set_title(title, fontsize=11)
    return figure
