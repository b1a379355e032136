"""The energies of data and of samples, which a good model does not tell apart."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_contrastive.plots.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FEWEST_BINS, _MOST_BINS = 10, 60


def plot_energy_histograms(energies: Mapping[str, Any]) -> "Figure":
    """Draws how the energies of several sets of points are spread.

    Args:
        energies: By name, energies `(n,)`, finite, such as those of "data" and
            "samples".

    Returns:
        A figure with a histogram each, over the same bins, each of area 1, so that sets
        of different sizes compare; a dashed line marks each mean, and the legend gives
        it.

    Raises:
        ValueError: If there is no set, or one is empty, of another shape or not finite.
    """
    sets = {name: _checked(name, values) for name, values in energies.items()}
    if not sets:
        raise ValueError(
            "`energies` must hold at least one set of energies. Received: none"
        )
    everything = np.concatenate(list(sets.values()))
    fewest = min(map(len, sets.values()))
    count = int(np.clip(2 * fewest ** (1 / 3), _FEWEST_BINS, _MOST_BINS))
    bins = np.histogram_bin_edges(everything, count)
    figure = new_figure(6.0, 3.6)
    ax = figure.subplots()
    for number, (name, values) in enumerate(sets.items()):
        colour = f"C{number}"
        label = f"{name}: mean {values.mean():.4g}, {len(values):,} points"
        options = {"bins": bins, "density": True, "color": colour}
        ax.hist(values, alpha=0.35, label=label, **options)
        ax.hist(values, histtype="step", linewidth=1.5, **options)
        ax.axvline(values.mean(), color=colour, linestyle="--", linewidth=1)
    ax.set_xlabel("energy", fontsize=9)
    ax.set_ylabel("density", fontsize=9)
    ax.tick_params(labelsize=9)
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", frameon=False, fontsize=9)
    return figure


def _checked(name: str, values: Any) -> np.ndarray:
    """Returns energies as float64."""
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(
            "`energies` must hold finite energies, of shape (n,). Received: "
            f"shape {values.shape} as {name!r}, "
            f"{int(np.sum(~np.isfinite(values)))} of them not finite"
        )
    return values
