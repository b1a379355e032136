"""The densities that the toys of `kc.data.toy` are drawn from.

Here and not in `data`, which knows nothing of energies.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_contrastive.energies.gaussian_mixture import GaussianMixture

_Mixture = tuple[np.ndarray, float, np.ndarray]


def toy_density(name: str, **kwargs: Any) -> GaussianMixture:
    """Returns the density of a toy, with `log_prob` and exact draws.

    Each of these toys is a curve blurred by normal noise, whose density is an integral
    along the curve. A sum over points closer to each other than the noise is wide takes
    its place: it differs from the integral by less than float32 can show.

    Args:
        name: "gaussians", "rings", "spiral" or "two_moons". The arms of "pinwheel" are
            bent so that they fold over in places, which leaves no closed form.
        **kwargs: `name` is the toy's; `dtype` as for any energy.

    Raises:
        ValueError: If the name is none of these.
    """
    if name not in _DENSITIES:
        raise ValueError(
            f"`name` must be one of {', '.join(sorted(_DENSITIES))}, the toys whose "
            f"density is known. Received: name={name!r}"
        )
    means, stddev, weights = _DENSITIES[name]()
    return GaussianMixture(means, stddev**2, weights, **kwargs)


def _polar(radius: Any, angle: np.ndarray) -> np.ndarray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _circle(radius: float, count: int) -> np.ndarray:
    return _polar(radius, np.arange(count) * (2 * math.pi / count))


def _gaussians() -> _Mixture:
    return _circle(2.0, 8), 0.2, np.full(8, 1 / 8)


def _rings() -> _Mixture:
    stddev, radii = 0.08, np.array([1.0, 2.0, 3.0])
    # Equal steps on a closed curve, d apart: wrong by exp(-2 pi^2 (stddev / d)^2).
    counts = np.ceil(2 * math.pi * radii / (0.7 * stddev)).astype(int)
    rings = [_circle(*ring) for ring in zip(radii, counts, strict=True)]
    weights = np.repeat(radii / radii.sum() / counts, counts)
    return np.concatenate(rings), stddev, weights


def _spiral() -> _Mixture:
    # The angle is 3 pi sqrt(u) with u uniform: that of t = sqrt(u) has density 2 t.
    nodes, shares = _legendre(300)
    angle = 3 * math.pi * nodes
    arm = _polar(angle / math.pi, angle)
    weights = np.tile(2 * nodes * shares, 2) / 2
    return np.concatenate([arm, -arm]), 0.1, weights / weights.sum()


def _two_moons() -> _Mixture:
    nodes, shares = _legendre(80)
    moon = _polar(2.0, math.pi * nodes) - np.array([1.0, 0.5])
    return np.concatenate([moon, -moon]), 0.15, np.tile(shares, 2) / 2


def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns places in [0, 1] and their shares of an integral over it."""
    nodes, shares = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, shares / 2


_DENSITIES: dict[str, Callable[[], _Mixture]] = {
    "gaussians": _gaussians,
    "rings": _rings,
    "spiral": _spiral,
    "two_moons": _two_moons,
}
