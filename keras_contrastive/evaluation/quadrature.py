"""Integrals over one or two reals: a sum over a grid."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_contrastive.energies import Energy

from .energy_values import check_energy, energy_values, event_shape

NODES = {1: 4097, 2: 513}
Bounds = Sequence[float] | Sequence[Sequence[float]]


class Grid(NamedTuple):
    """Equally spaced points of an interval or a rectangle, its edges included.

    Attributes:
        axes: The positions along each axis, `(nodes,)` each.
        points: All of them, `(nodes^d, d)`, the last axis fastest.
        cells: Log of the length or area that each point stands for, half of it on an
            edge: the trapezoidal rule; `(nodes,)` or `(nodes, nodes)`.
    """

    axes: tuple[np.ndarray, ...]
    points: np.ndarray
    cells: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of nodes along each axis."""
        return self.cells.shape


def make_grid(bounds: Bounds, dimensions: int, nodes: int | None = None) -> Grid:
    """Returns a grid.

    Args:
        bounds: Lowest and highest value, of all axes or of each.
        dimensions: Number of axes, 1 or 2.
        nodes: Points along each axis, odd, so that every other one makes a grid too;
            None: 4097 on a line and 513 in the plane.

    Raises:
        ValueError: If the bounds are no such pairs, or `nodes` is even or below 3.
    """
    nodes = NODES[dimensions] if nodes is None else nodes
    if not isinstance(nodes, int) or nodes < 3 or nodes % 2 == 0:
        raise ValueError(
            f"`nodes` must be an odd integer of at least 3. Received: {nodes}"
        )
    try:
        pairs = np.broadcast_to(np.asarray(bounds, np.float64), (dimensions, 2))
        if not (np.isfinite(pairs).all() and (pairs[:, 0] < pairs[:, 1]).all()):
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(
            f"`bounds` must be (low, high), low below high, or such a pair for each of "
            f"{dimensions} axes. Received: {bounds}"
        ) from None
    axes = tuple(np.linspace(low, high, nodes) for low, high in pairs)
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, dimensions)
    lengths = [np.full(nodes, axis[1] - axis[0]) for axis in axes]
    for length in lengths:
        length[[0, -1]] /= 2
    cells = np.log(math.prod(np.meshgrid(*lengths, indexing="ij")))
    return Grid(axes, points, cells)


def grid_log_weights(
    energy: Energy, grid: Grid, name: str = "energy", tolerance: float = 1e-3
) -> np.ndarray:
    """Returns -E and the log of the cell, on a grid: shares of Z that sum to Z.

    Args:
        energy: Over as many reals as the grid has axes.
        grid: The points.
        name: The argument's name, for the error message.
        tolerance: As for `exact_log_partition`.

    Returns:
        `(nodes,)` or `(nodes, nodes)` float64.

    Raises:
        ValueError: If the bounds cut off mass, or the grid is too coarse.
    """
    points = grid.points.reshape(-1, *event_shape(energy))
    values = energy_values(energy, points, batch_size=8192)
    log_weights = grid.cells - values.reshape(grid.shape)
    log_z = log_sum(log_weights)
    # A tail that falls by e within the whole width has at most so much beyond it.
    edges = np.ones(grid.shape, bool)
    edges[(slice(1, -1),) * edges.ndim] = False
    share = 2 * math.exp(log_sum(log_weights[edges]) - log_z)
    beyond = share * (max(grid.shape) - 1)
    if not beyond <= tolerance:
        raise ValueError(
            f"`bounds` must hold the mass of `{name}`: at most {tolerance:g} of it may "
            "lie beyond, by its density along the edges. Infinity as `tolerance` "
            f"takes the model as cut off there. Received: {beyond:.2g} within "
            f"{[(axis[0].item(), axis[-1].item()) for axis in grid.axes]}"
        )
    every_other = (slice(None, None, 2),) * edges.ndim
    coarse = log_sum(log_weights[every_other]) + edges.ndim * math.log(2)
    if not abs(coarse - log_z) <= tolerance:
        raise ValueError(
            f"`nodes` must resolve `{name}`: half of them must give the same log Z to "
            f"{tolerance:g}. Received: {grid.shape}, and a difference of "
            f"{abs(coarse - log_z):.2g}"
        )
    return log_weights


def quadrature_kl(
    energy: Energy,
    density: Energy,
    bounds: Bounds,
    nodes: int | None = None,
    tolerance: float = 1e-3,
) -> float:
    """Returns how far a model of one or two reals is from the true density.

        KL(density || model) = int p(x) ( log p(x) - log q(x) ) dx,  q = exp(-E) / Z

    Both are normalised on the grid, so the result is never negative.

    Args:
        energy: E of the model.
        density: Energy of the true density, such as `kc.energies.toy_density` gives.
        bounds: Lowest and highest value, of all axes or of each.
        nodes: Points along each axis; None: 4097 on a line and 513 in the plane.
        tolerance: As for `exact_log_partition`.

    Returns:
        Nats, at least 0; infinity where the model excludes what the density does not.

    Raises:
        TypeError: If one of them is no energy.
        ValueError: If they are not over the same one or two reals, one has another
            temperature than 1, or the grid does not hold or resolve one of them.
    """
    shapes = []
    for each in (energy, density):
        check_energy(each)
        shapes.append(event_shape(each))
    if shapes[0] != shapes[1] or "bits" in (energy.domain, density.domain):
        raise ValueError(
            "`energy` and `density` must be over the same reals. Received: "
            f"{energy.domain} of {shapes[0]} and {density.domain} of {shapes[1]}"
        )
    grid = make_grid(bounds, check_dimensions(energy), nodes)
    log_q = grid_log_weights(energy, grid, "energy", tolerance)
    log_p = grid_log_weights(density, grid, "density", tolerance)
    log_q, log_p = log_q - log_sum(log_q), log_p - log_sum(log_p)
    held = np.exp(log_p) > 0
    return float(np.sum(np.exp(log_p[held]) * (log_p[held] - log_q[held])))


def check_dimensions(energy: Energy) -> int:
    """Returns the number of reals of a point.

    Raises:
        ValueError: If there are more than 2, for which a grid is too large.
    """
    dimensions = math.prod(event_shape(energy))
    if dimensions not in NODES:
        raise ValueError(
            "`energy` must be over 1 or 2 reals: a grid over more is too large. "
            f"Received: {type(energy).__name__} over {dimensions}"
        )
    return dimensions


def log_sum(log_weights: np.ndarray) -> float:
    """Returns log sum exp of all."""
    highest = log_weights.max()
    if np.isneginf(highest):
        return -math.inf
    return float(highest + np.log(np.exp(log_weights - highest).sum()))
