"""Distances of embeddings, and which pairs of a batch are of one kind."""

import math
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from keras_contrastive.losses.cosine import unit

# Of two squared lengths. Below this share of them, their difference is rounding.
_ROUNDING = 1e-6


def _as_it_is(z: tf.Tensor) -> tf.Tensor:
    return tf.cast(z, tf.float32)


# Both are Euclidean; the cosine's is taken on the unit sphere: |u - v|^2 = 2 - 2 u.v
_PLACES: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {"l2": _as_it_is, "cosine": unit}


class Comparison(NamedTuple):
    """Anchors beside candidates, all `(batch, global batch)`.

    Attributes:
        squared: Squared distances, float32.
        positive: Whether a candidate is of the anchor's kind and not itself.
        negative: Whether it is of another kind.
        one_positive: Whether it is known that no anchor has two positives, as where
            each of two views is its own image's alone.
    """

    squared: tf.Tensor
    positive: tf.Tensor
    negative: tf.Tensor
    one_positive: bool = False


def place(z: tf.Tensor, distance: str) -> tf.Tensor:
    """Returns the float32 points whose Euclidean distance a name stands for.

    Args:
        z: Embeddings `(batch, dim)`, any float type.
        distance: "l2" leaves them where they are; "cosine" puts them on the unit
            sphere, where the squared distance is `2 - 2 cos`.
    """
    return _PLACES[check_distance(distance)](z)


def root(squared: tf.Tensor, floor: tf.Tensor | float = 0.0) -> tf.Tensor:
    """Returns distances of squared ones, with the gradient 0 where they are 0.

    The root's own slope there is infinite.

    Args:
        squared: Any shape.
        floor: Up to which a squared distance counts as 0.
    """
    apart = squared > floor
    return tf.where(apart, tf.sqrt(tf.where(apart, squared, 1.0)), 0.0)


def compare(
    z: tf.Tensor,
    labels: tf.Tensor,
    distance: str,
    candidates: tuple[tf.Tensor, tf.Tensor] | None = None,
    offset: tf.Tensor | int = 0,
) -> Comparison:
    """Compares each embedding with all: how far apart, and whether of one kind.

    Squared distances below a millionth of the two squared lengths, from the centre of
    the candidates, are rounding and come out as 0.

    Args:
        z: Embeddings `(batch, dim)`, any float type.
        labels: `(batch,)`, equal where two rows are of one kind.
        distance: "l2" or "cosine"; see `place`.
        candidates: The embeddings and the labels of the global batch, when `z` is one
            replica's share of it.
        offset: Index of the first row of `z` in the global batch.

    Raises:
        ValueError: If the distance is unknown, a shape is another or the global batch
            holds a single row.
    """
    z, labels = tf.convert_to_tensor(z), tf.convert_to_tensor(labels)
    others, kinds = map(tf.convert_to_tensor, candidates) if candidates else (z, labels)
    _check_batch(z, labels, least=1)
    _check_batch(others, kinds, least=2)
    anchors, points = place(z, distance), place(others, distance)
    # A shift changes no distance, and leaves less to cancel in the next line.
    centre = tf.stop_gradient(tf.reduce_mean(points, axis=0))
    anchors, points = anchors - centre, points - centre
    lengths = tf.reduce_sum(anchors**2, 1)[:, None] + tf.reduce_sum(points**2, 1)
    squared = lengths - 2.0 * tf.matmul(anchors, points, transpose_b=True)
    apart = squared > _ROUNDING * tf.stop_gradient(lengths)
    rows = tf.cast(offset, tf.int32) + tf.range(tf.shape(z)[0])
    itself = tf.one_hot(rows, tf.shape(others)[0], True, False, dtype=tf.bool)
    alike = labels[:, None] == kinds[None, :]
    return Comparison(
        tf.where(apart & ~itself, squared, 0.0), alike & ~itself, ~alike & ~itself
    )


def mean_of(values: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Mean of the chosen values of each row, 0 where there are none."""
    total = tf.reduce_sum(tf.where(chosen, values, 0.0), axis=1)
    return total / tf.maximum(tf.reduce_sum(tf.cast(chosen, tf.float32), axis=1), 1.0)


def check_distance(distance: str) -> str:
    """Returns the distance's name.

    Raises:
        ValueError: If it is unknown.
    """
    if distance not in _PLACES:
        raise ValueError(
            f"`distance` must be one of {', '.join(_PLACES)}. Received: {distance!r}"
        )
    return distance


def check_margin(margin: float) -> float:
    """Returns the margin.

    Raises:
        ValueError: If it is not a finite number above 0.
    """
    if not (math.isfinite(margin) and margin > 0):
        raise ValueError(
            f"`margin` must be a finite number above 0. Received: {margin}"
        )
    return margin


def _check_batch(z: tf.Tensor, labels: tf.Tensor, least: int) -> None:
    """Checks embeddings and their labels as far as their shapes are static."""
    if (
        z.shape.rank != 2
        or labels.shape.rank != 1
        or not labels.shape.is_compatible_with(z.shape[:1])
    ):
        raise ValueError(
            "`z` and `labels` must have shapes (batch, dim) and (batch,). "
            f"Received: {z.shape} and {labels.shape}"
        )
    if z.shape[0] is not None and z.shape[0] < least:
        raise ValueError(
            f"`z` must hold at least {least} rows: one alone has nothing to be "
            f"compared with. Received: {z.shape[0]}"
        )
