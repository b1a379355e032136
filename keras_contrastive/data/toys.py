"""Two-dimensional toy densities, to look at an energy or an embedding with."""

from collections.abc import Callable

import numpy as np

from keras_contrastive.data.checks import as_integer


def toy(name: str, n: int, seed: int = 0) -> np.ndarray:
    """Draws points from a toy density in the plane.

    Every one is centred near 0 and lies within about 4 units of it.

    Args:
        name: "gaussians" (8 of standard deviation 0.2 on a circle of radius 2),
            "pinwheel" (5 bent arms), "rings" (3 circles of radius 1, 2 and 3),
            "spiral" (2 arms) or "two_moons".
        n: Number of points.
        seed: Seed of a NumPy generator of its own.

    Returns:
        `(n, 2)` float32, in random order.

    Raises:
        TypeError: If `n` or `seed` is not an integer.
        ValueError: If the name is unknown, or `n` or `seed` is negative.
    """
    if name not in _TOYS:
        raise ValueError(
            f"`name` must be one of {', '.join(sorted(_TOYS))}. Received: name={name!r}"
        )
    n = as_integer("n", n, 0)
    generator = np.random.default_rng(as_integer("seed", seed, 0))
    return _TOYS[name](generator, n).astype(np.float32)


def _polar(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _gaussians(generator: np.random.Generator, n: int) -> np.ndarray:
    centres = _polar(np.full(n, 2.0), generator.integers(8, size=n) * (np.pi / 4))
    return centres + 0.2 * generator.normal(size=(n, 2))


def _pinwheel(generator: np.random.Generator, n: int) -> np.ndarray:
    arm = generator.integers(5, size=n) * (2 * np.pi / 5)
    # An arm is a flat Gaussian along the x axis, turned the more the further out.
    x, y = 2 + 0.6 * generator.normal(size=n), 0.2 * generator.normal(size=n)
    return _polar(np.hypot(x, y), np.arctan2(y, x) + arm + 0.25 * np.exp(0.5 * x))


def _rings(generator: np.random.Generator, n: int) -> np.ndarray:
    # A ring's share is its radius, so that all are equally dense along the line.
    radius = generator.choice([1.0, 2.0, 3.0], size=n, p=[1 / 6, 2 / 6, 3 / 6])
    circle = _polar(radius, generator.uniform(0, 2 * np.pi, size=n))
    return circle + 0.08 * generator.normal(size=(n, 2))


def _spiral(generator: np.random.Generator, n: int) -> np.ndarray:
    # The square root spreads the points evenly along the arm.
    angle = 3 * np.pi * np.sqrt(generator.uniform(size=n))
    arm = generator.integers(2, size=n) * np.pi
    return _polar(angle / np.pi, angle + arm) + 0.1 * generator.normal(size=(n, 2))


def _two_moons(generator: np.random.Generator, n: int) -> np.ndarray:
    angle = generator.uniform(0, np.pi, size=n)
    upper = _polar(np.full(n, 2.0), angle) - np.array([1.0, 0.5])
    # The lower moon is the upper one turned by half a circle about the origin.
    sign = generator.choice([-1.0, 1.0], size=(n, 1))
    return sign * upper + 0.15 * generator.normal(size=(n, 2))


_TOYS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "gaussians": _gaussians,
    "pinwheel": _pinwheel,
    "rings": _rings,
    "spiral": _spiral,
    "two_moons": _two_moons,
}
TOYS = tuple(sorted(_TOYS))
