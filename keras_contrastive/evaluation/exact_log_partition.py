"""log Z as a closed form, a sum over all states, or an integral over a grid."""

import math

import numpy as np

from keras_contrastive.energies import Energy

from .energy_values import check_energy
from .enumeration import COUNTABLE, enumeration, size
from .quadrature import (
    Bounds,
    check_dimensions,
    grid_log_weights,
    log_sum,
    make_grid,
)


def exact_log_partition(
    energy: Energy,
    bounds: Bounds | None = None,
    nodes: int | None = None,
    tolerance: float = 1e-3,
) -> float:
    """Returns log Z, of p(x) = exp(-E(x)) / Z.

    By what the energy allows, in this order: its own `log_partition`; the sum over all
    states of its bits or, where they are fewer, of an RBM's hidden units, however many
    visible ones there are; the integral over one or two reals, by sums over a grid.

    Args:
        energy: A `Density` or `DoubleWell`, over at most 20 bits, an RBM of at most 25
            hidden units, or over 1 or 2 reals.
        bounds: Reals only: lowest and highest value, of all axes or of each. All but
            nothing of the density must lie within.
        nodes: Reals only: points along each axis, odd; None: 4097 on a line and 513 in
            the plane.
        tolerance: Reals only: how much of the mass may lie beyond the bounds, by the
            density along the edges, and by how much half the nodes may change log Z;
            infinity takes the model as cut off at the bounds and the grid as it is.

    Returns:
        log Z in nats, summed in float64.

    Raises:
        TypeError: If `energy` is no energy.
        ValueError: If its temperature is not 1, it has too many states or dimensions,
            an energy is NaN, or the grid does not hold or resolve it.
    """
    check_energy(energy)
    closed = getattr(energy, "log_partition", None)
    if closed is not None:
        return float(closed)
    model = enumeration(energy)
    if model is not None:
        log_z = -math.inf
        for block in model.blocks():
            log_z = np.logaddexp(log_z, log_sum(block))
        return float(log_z)
    if energy.domain == "bits":
        raise ValueError(
            f"`energy` must have {COUNTABLE} units, for its states to be counted out; "
            f"`ais_log_partition` estimates the others. Received: {size(energy)}"
        )
    dimensions = check_dimensions(energy)
    if bounds is None:
        raise ValueError(
            "`bounds` must be the lowest and highest value of the reals, between which "
            "to integrate. Received: None"
        )
    grid = make_grid(bounds, dimensions, nodes)
    return log_sum(grid_log_weights(energy, grid, "energy", tolerance))
