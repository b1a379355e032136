"""The landscape of an energy over the plane, and what walks on it."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_contrastive.energies import Energy
from keras_contrastive.evaluation.energy_values import energy_values
from keras_contrastive.evaluation.quadrature import Bounds, make_grid
from keras_contrastive.plots.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ARROWS = 21
_MOST_POINTS = 2000
_LEVELS = 12


def plot_energy_surface(
    energy: Energy,
    bounds: Bounds,
    data: Any = None,
    particles: Any = None,
    score: bool = True,
    depth: float | None = 12.0,
    nodes: int = 129,
    title: str = "energy",
) -> "Figure":
    """Draws an energy over two reals: bright where points are likely.

    Args:
        energy: Over points of 2 values.
        bounds: Lowest and highest value, of both axes or of each.
        data: Points `(n, 2)`, drawn as dots; the first 2,000.
        particles: Points `(n, 2)`, drawn as rings.
        score: Whether to draw the score -dE/dx as arrows. Their length is
            |s| / (1 + |s|) of the room they have, so that the weak are seen beside the
            strong.
        depth: How far above the lowest energy the colours reach, in nats; what is
            higher has the last colour. None: to the highest.
        nodes: Points of the surface along each axis, odd.
        title: What is above it.

    Returns:
        A figure with equal scales on both axes; the colour bar counts energies from the
        lowest on the surface, as a constant makes no difference.

    Raises:
        TypeError: If `energy` is no energy.
        ValueError: If the energy is not over two reals, nowhere finite, or NaN; points
            have another shape; or a number is out of its range.
    """
    _check(energy, depth)
    grid = make_grid(bounds, 2, nodes)
    points = grid.points.reshape(-1, *(energy.event_shape or (2,)))
    values = energy_values(energy, points, batch_size=8192).reshape(grid.shape)
    if not np.isfinite(values).any():
        raise ValueError(
            f"`energy` must be finite somewhere within {bounds}. Received: infinity"
        )
    rise = np.ma.masked_invalid(values - values.min()).T  # Rows are the second axis.
    highest = float(rise.max())
    # A flat surface has the colour of its lowest energy.
    top = (highest if depth is None else min(depth, highest)) or 1.0

    figure = new_figure(6.2, 5.2)
    ax = figure.subplots()
    ax.set_facecolor("0.85")
    levels = np.linspace(0, top, 10 * _LEVELS + 1)
    options = {"extend": "max" if highest > top else "neither"}
    filled = ax.contourf(*grid.axes, rise, levels, cmap="viridis_r", **options)
    ax.contour(*grid.axes, rise, levels[::10], colors="k", linewidths=0.4, alpha=0.35)
    bar = figure.colorbar(filled, ax=ax, shrink=0.85)
    bar.set_label("energy above the lowest", fontsize=9)
    ticks = np.linspace(0, top, 5)
    bar.set_ticks(ticks, labels=[f"{tick:.3g}" for tick in ticks])
    bar.ax.tick_params(labelsize=9)
    if score:
        sides = [(axis[0], axis[-1]) for axis in grid.axes]
        draw_arrows(ax, energy.score, sides, energy.event_shape, bend=True)
    for name, x in (("data", data), ("particles", particles)):
        if x is not None:
            x = _checked_points(name, x)
            ax.scatter(*x.T, label=name, **_MARKS[name])
    if data is not None or particles is not None:
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    ax.set_xlim(*grid.axes[0][[0, -1]])
    ax.set_ylim(*grid.axes[1][[0, -1]])
    ax.set_aspect("equal")
    ax.tick_params(labelsize=9)
    ax.set_title(title, fontsize=11)
    return figure


def draw_arrows(
    ax: "Axes",
    field: Callable[[np.ndarray], Any],
    sides: list[tuple[float, float]],
    event_shape: tuple[int, ...] | None = None,
    bend: bool = False,
) -> None:
    """Draws a vector field at places amid the squares of a coarse grid.

    Args:
        ax: Where to.
        field: Points `(n, ...)` to vectors of their shape.
        sides: Lowest and highest value of each axis.
        event_shape: In which points are handed to the field.
        bend: Whether an arrow's length is |s| / (1 + |s|) of its room; else it is |s|,
            up to its room.
    """
    axes = [
        low + (high - low) * (np.arange(_ARROWS) + 0.5) / _ARROWS for low, high in sides
    ]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    shaped = places.reshape(-1, *(event_shape or (2,)))
    vectors = np.asarray(field(shaped), np.float64).reshape(-1, 2)
    places, vectors = (x[np.isfinite(vectors).all(axis=1)] for x in (places, vectors))
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    room = min(axis[1] - axis[0] for axis in axes)
    arrows = (
        room / (1 + length) * vectors
        if bend
        else (vectors * np.minimum(1, room / np.maximum(length, 1e-12)))
    )
    ax.quiver(
        *places.T,
        *arrows.T,
        angles="xy",
        scale_units="xy",
        scale=1,
        color="w",
        alpha=0.8,
        width=0.003,
    )


def _check(energy: Any, depth: float | None) -> None:
    """Stops at what has no surface over the plane."""
    if not isinstance(energy, Energy):
        raise TypeError(
            "`energy` must be a `keras_contrastive.energies.Energy`. "
            f"Received: {energy!r}"
        )
    shape = energy.event_shape
    if energy.domain != "reals" or (shape is not None and math.prod(shape) != 2):
        raise ValueError(
            "`energy` must be over points of 2 reals. "
            f"Received: {energy.domain} of shape {shape}"
        )
    if depth is not None and not 0 < depth < math.inf:
        raise ValueError(f"`depth` must be above 0, or None. Received: {depth}")


def _checked_points(name: str, x: Any) -> np.ndarray:
    """Returns points `(n, 2)`, at most as many as can be told apart."""
    x = np.asarray(x, np.float64)
    if x.ndim < 2 or math.prod(x.shape[1:]) != 2 or not np.isfinite(x).all():
        raise ValueError(
            f"`{name}` must be finite points, of shape (n, 2). "
            f"Received: shape {x.shape}"
        )
    return x.reshape(-1, 2)[:_MOST_POINTS]


_MARKS = {
    "data": {"s": 5, "color": "black", "linewidths": 0, "alpha": 0.6, "zorder": 3},
    "particles": {"s": 22, "facecolors": "none", "edgecolors": "#e8000d", "zorder": 4},
}
