"""Where an autoencoder leaves points as they are, although they are no data."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_contrastive.energies import AutoencoderEnergy

from .quadrature import Bounds, make_grid


class FlatSpots(NamedTuple):
    """Zeros of the field r(x) - x.

    Attributes:
        points: `(n, 2)`.
        kinds: What the field does around each: "attracting", "saddle" or "repelling".
        distances: From each to the nearest data point, `(n,)`.
        false: Whether each lies off the data, `(n,)` bool: a false minimum of
            |r(x) - x|^2.
    """

    points: np.ndarray
    kinds: list[str]
    distances: np.ndarray
    false: np.ndarray


class SegmentSpots(NamedTuple):
    """An energy along the segment from one point to another.

    Attributes:
        positions: Shares of the way, `(nodes,)`, from 0 to 1.
        energies: |r(x) - x|^2 there, `(nodes,)`.
        along: (r(x) - x) along the segment, in shares of its length, `(nodes,)`.
        minima: Shares at which the energy has a minimum inside the segment.
        false: Whether the field crosses zero there from backwards to forwards, away
            from the spot: between two modes, and not on one.
    """

    positions: np.ndarray
    energies: np.ndarray
    along: np.ndarray
    minima: np.ndarray
    false: np.ndarray


def flat_spots(
    energy: AutoencoderEnergy,
    bounds: Bounds,
    data: Any,
    off_data: float,
    starts: int = 25,
    steps: int = 50,
    tolerance: float = 1e-4,
) -> FlatSpots:
    """Finds the zeros of an autoencoder's field in the plane.

    Newton's method on r(x) - x, its steps cut to the spacing of a grid of starts, from
    each of them; what comes to the same place is one spot. All zeros are minima of
    |r(x) - x|^2, whatever the field does around them; those off the data are the false
    ones.

    Args:
        energy: Of an autoencoder over two reals.
        bounds: Lowest and highest value, of both axes or of each.
        data: Points `(n, 2)`.
        off_data: Distance from the nearest data point above which a spot is false,
            above 0.
        starts: Starts along each axis, odd, at least 3.
        steps: Newton steps, at least 1.
        tolerance: Length of r(x) - x below which a point is a zero, above 0.

    Returns:
        The spots, those farthest from the data first.

    Raises:
        TypeError: If `energy` is not of an autoencoder.
        ValueError: If it is not over two reals, or an argument does not fit.
    """
    _check(energy)
    if energy.event_shape not in (None, (2,)):
        raise ValueError(
            "`energy` must be over points of shape (2,). "
            f"Received: {energy.event_shape}"
        )
    data = np.asarray(data, np.float32)
    if data.ndim != 2 or data.shape[1] != 2 or not len(data):
        raise ValueError(
            f"`data` must be points of shape (n, 2). Received: shape {data.shape}"
        )
    for name, value in (
        ("off_data", off_data),
        ("steps", steps),
        ("tolerance", tolerance),
    ):
        if not value > 0:
            raise ValueError(f"`{name}` must be above 0. Received: {value}")
    grid = make_grid(bounds, 2, starts)
    spacing = max(axis[1] - axis[0] for axis in grid.axes)
    low, high = (np.array([axis[i] for axis in grid.axes]) for i in (0, -1))
    x = _newton(energy, tf.cast(grid.points, tf.float32), steps, float(spacing))
    length = np.linalg.norm(energy.field(x).numpy(), axis=1)
    x = x.numpy()
    found = x[(length < tolerance) & ((x >= low) & (x <= high)).all(axis=1)]
    spots = _merged(found, spacing / 10)
    distances = np.array(
        [np.linalg.norm(data - spot, axis=1).min() for spot in spots]
    ).reshape(-1)
    order = np.argsort(-distances, kind="stable")
    spots, distances = spots[order], distances[order]
    return FlatSpots(spots, _kinds(energy, spots), distances, distances > off_data)


def flat_spots_between(
    energy: AutoencoderEnergy, first: Any, second: Any, nodes: int = 201
) -> SegmentSpots:
    """Looks for flat spots on the segment between two points, such as two images.

    Args:
        energy: Of an autoencoder.
        first: A point.
        second: Another, of the same shape.
        nodes: Points of the segment, its ends included, at least 5.

    Returns:
        The energy along the segment and its minima.

    Raises:
        TypeError: If `energy` is not of an autoencoder.
        ValueError: If the points have different shapes, or are one.
    """
    _check(energy)
    first, second = (np.asarray(x, np.float32) for x in (first, second))
    if first.shape != second.shape or np.array_equal(first, second):
        raise ValueError(
            "`first` and `second` must be different points of one shape. "
            f"Received: shapes {first.shape} and {second.shape}"
        )
    if not isinstance(nodes, int) or nodes < 5:
        raise ValueError(
            f"`nodes` must be an integer of at least 5. Received: {nodes!r}"
        )
    positions = np.linspace(0, 1, nodes)
    way = second - first
    share = positions.astype(np.float32).reshape(-1, *[1] * way.ndim)
    field = energy.field(first + share * way).numpy().reshape(nodes, -1)
    energies = (field.astype(np.float64) ** 2).sum(axis=1)
    along = field @ way.reshape(-1) / (way.astype(np.float64) ** 2).sum()
    inner = np.arange(1, nodes - 1)
    lowest = (energies[inner] < energies[inner - 1]) & (
        energies[inner] <= energies[inner + 1]
    )
    minima = inner[lowest]
    false = (along[minima - 1] < 0) & (along[minima + 1] > 0)
    return SegmentSpots(positions, energies, along, positions[minima], false)


def _check(energy: Any) -> None:
    if not isinstance(energy, AutoencoderEnergy):
        raise TypeError(
            "`energy` must be of an autoencoder, such as `ReconstructionEnergy`. "
            f"Received: {type(energy).__name__}"
        )


def _field_and_jacobian(energy: AutoencoderEnergy, x: tf.Tensor) -> tuple:
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(x)
        field = energy.field(x)
        parts = field[:, 0], field[:, 1]
    return field, tf.stack([tape.gradient(part, x) for part in parts], axis=1)


def _newton(
    energy: AutoencoderEnergy, x: tf.Tensor, steps: int, longest: float
) -> tf.Tensor:
    @tf.function
    def step(x):
        field, jacobian = _field_and_jacobian(energy, x)
        normal = tf.matmul(jacobian, jacobian, transpose_a=True)
        downhill = tf.matmul(jacobian, field[..., None], transpose_a=True)[..., 0]
        move = _solve(normal, downhill)
        length = tf.norm(move, axis=1, keepdims=True)
        return x - move * tf.minimum(1.0, longest / tf.maximum(length, longest))

    for _ in range(steps):
        x = step(x)
    return x


def _solve(matrix: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
    """Returns x of A x = b for A `(n, 2, 2)` without negative eigenvalues.

    Damped, so that a singular one makes a step along the vector.
    """
    a, b, d = matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 1]
    damping = 1e-6 * (a + d) + 1e-12
    a, d = a + damping, d + damping
    inverse = tf.stack([tf.stack([d, -b], 1), tf.stack([-b, a], 1)], 1)
    return tf.linalg.matvec(inverse, vector) / (a * d - b * b)[:, None]


def _merged(points: np.ndarray, within: float) -> np.ndarray:
    """Returns one of each group of points that lie together, `(n, 2)`."""
    kept: list[np.ndarray] = []
    for point in points:
        if all(np.linalg.norm(point - other) > within for other in kept):
            kept.append(point)
    return np.array(kept, np.float64).reshape(-1, 2)


def _kinds(energy: AutoencoderEnergy, spots: np.ndarray) -> list[str]:
    if not len(spots):
        return []
    _, jacobian = _field_and_jacobian(energy, tf.cast(spots, tf.float32))
    growing = (np.linalg.eigvals(jacobian.numpy()).real > 0).sum(axis=1)
    names = {0: "attracting", 1: "saddle", 2: "repelling"}
    return [names[int(count)] for count in growing]
