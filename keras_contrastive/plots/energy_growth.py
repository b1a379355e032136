"""The energy against the distance from the data."""

from typing import TYPE_CHECKING

import numpy as np

from keras_contrastive.evaluation.energy_growth import EnergyGrowth
from keras_contrastive.plots.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_energy_growth(growth: EnergyGrowth, expected: float | None = None) -> "Figure":
    """Draws an energy off a manifold with its fitted quadratic.

    Args:
        growth: What `kc.evaluation.energy_growth` measured.
        expected: The coefficient that theory has; None draws none.

    Returns:
        A figure: means with one standard deviation over the points, and the curves.
    """
    figure = new_figure(5.0, 3.6)
    ax = figure.subplots()
    order = np.argsort(growth.distances)
    at = growth.distances[order]
    ax.errorbar(
        at,
        growth.energies[order],
        growth.spread[order],
        fmt="o",
        markersize=4,
        capsize=2,
        color="#1f77b4",
        label="measured",
    )
    line = np.linspace(at[0], at[-1], 200)
    fitted = growth.coefficient * line**2 + growth.offset
    label = f"fit: {growth.coefficient:.3g} d² + {growth.offset:.2g}"
    ax.plot(line, fitted, color="#1f77b4", label=label)
    if expected is not None:
        words = f"theory: {expected:.3g} d²"
        ax.plot(line, expected * line**2, "--", color="#d62728", label=words)
    ax.set_xlabel("distance d from the manifold", fontsize=9)
    ax.set_ylabel("energy", fontsize=9)
    ax.tick_params(labelsize=9)
    ax.legend(frameon=False, fontsize=9)
    return figure
