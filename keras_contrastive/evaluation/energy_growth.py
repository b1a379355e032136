"""How an energy grows with the distance from the data."""

from typing import Any, NamedTuple

import numpy as np

from keras_contrastive.energies import Energy

from .energy_values import check_energy, energy_values


class EnergyGrowth(NamedTuple):
    """An energy along normals of a manifold.

    Attributes:
        distances: `(n,)`.
        energies: Mean energy at each distance, `(n,)`.
        spread: Standard deviation over the points, `(n,)`.
        coefficient: a of the least-squares fit a d^2 + b.
        offset: b.
        r_squared: Share of the variance of the means that the fit explains.
    """

    distances: np.ndarray
    energies: np.ndarray
    spread: np.ndarray
    coefficient: float
    offset: float
    r_squared: float


def energy_growth(
    energy: Energy, points: Any, normals: Any, distances: Any
) -> EnergyGrowth:
    """Measures an energy at several distances off a manifold, and fits a quadratic.

        E(p + d n) ~ a d^2 + b

    Off a linear manifold of normal variance s^2, the reconstruction energy of an ideal
    denoising autoencoder for noise sigma has a = (sigma^2 / (sigma^2 + s^2))^2, b = 0.

    Args:
        energy: Over reals.
        points: On the manifold, `(n, ...)`.
        normals: Directions off it, as `points`; of any length above 0.
        distances: At least three of them, `(k,)`.

    Returns:
        The means over the points, and the fit.

    Raises:
        TypeError: If `energy` is no energy.
        ValueError: If shapes do not fit, or a normal has no length.
    """
    check_energy(energy)
    points, normals = (np.asarray(x, np.float64) for x in (points, normals))
    distances = np.asarray(distances, np.float64)
    if points.ndim < 2 or not len(points) or points.shape != normals.shape:
        raise ValueError(
            "`points` and `normals` must have one shape (n, ...). "
            f"Received: {points.shape} and {normals.shape}"
        )
    if distances.ndim != 1 or len(np.unique(np.abs(distances))) < 3:
        raise ValueError(
            "`distances` must hold at least three different lengths. "
            f"Received: {distances}"
        )
    lengths = np.linalg.norm(normals.reshape(len(normals), -1), axis=1)
    if not (lengths > 0).all():
        raise ValueError("`normals` must have a length above 0. Received: a zero")
    units = normals / lengths.reshape(-1, *[1] * (normals.ndim - 1))
    off = points + distances.reshape(-1, *[1] * points.ndim) * units
    values = energy_values(energy, off.reshape(-1, *points.shape[1:]), 8192)
    values = np.asarray(values, np.float64).reshape(len(distances), -1)
    means = values.mean(axis=1)
    design = np.stack([distances**2, np.ones_like(distances)], axis=1)
    fit, *_ = np.linalg.lstsq(design, means, rcond=None)
    left = means - design @ fit
    total = ((means - means.mean()) ** 2).sum()
    explained = 1 - (left**2).sum() / total if total else 1.0
    return EnergyGrowth(
        distances, means, values.std(axis=1), *map(float, fit), float(explained)
    )
