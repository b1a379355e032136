"""The margin loss of Siamese nets: pairs of one kind attract, others keep a margin."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.losses.distance import (
    Comparison,
    check_distance,
    check_margin,
    compare,
    mean_of,
    place,
    root,
)


def margin_contrastive(
    z1: tf.Tensor,
    z2: tf.Tensor,
    same: tf.Tensor,
    margin: float = 1.0,
    distance: str = "l2",
) -> tf.Tensor:
    """Squared distance of a pair of one kind, squared lack of margin of any other.

    With d the distance of a pair and s = 1 for one kind, 0 for two,

        s d^2 + (1 - s) max(0, m - d)^2

    twice what the paper writes, which halves both terms and whose Y is 1 - s. Where two
    embeddings coincide there is no direction to push them in, and the gradient is 0.
    Computed in float32.

    Source: Hadsell, Chopra & LeCun 2006, "Dimensionality Reduction by Learning an
    Invariant Mapping", equation 4.

    Args:
        z1: Embeddings `(batch, dim)`, any float type.
        z2: Embeddings `(batch, dim)`; row i makes a pair with row i of `z1`.
        same: `(batch,)`, 1 or True for a pair of one kind, 0 or False for another.
        margin: Distance beyond which nothing is pushed, above 0.
        distance: "l2", or "cosine": of the unit vectors, `d^2 = 2 - 2 cos`.

    Returns:
        One value a pair, `(batch,)` float32.

    Raises:
        ValueError: If the margin or the distance is unfit or the shapes differ.
    """
    check_margin(margin)
    z1, z2 = tf.convert_to_tensor(z1), tf.convert_to_tensor(z2)
    same = tf.cast(same, tf.float32)
    if (
        z1.shape.rank != 2
        or not z1.shape.is_compatible_with(z2.shape)
        or not same.shape.is_compatible_with(z1.shape[:1])
    ):
        raise ValueError(
            "`z1` and `z2` must have one shape (batch, dim), and `same` (batch,). "
            f"Received: {z1.shape}, {z2.shape} and {same.shape}"
        )
    squared = tf.reduce_sum((place(z1, distance) - place(z2, distance)) ** 2, axis=1)
    lack = tf.nn.relu(margin - root(squared))
    return same * squared + (1.0 - same) * lack**2


def in_batch_margin_contrastive(
    z: tf.Tensor,
    labels: tf.Tensor,
    margin: float = 1.0,
    distance: str = "l2",
    candidates: tuple[tf.Tensor, tf.Tensor] | None = None,
    offset: tf.Tensor | int = 0,
) -> tf.Tensor:
    """`margin_contrastive` over all pairs that a batch holds.

    The value of an anchor is the mean over its pairs of one kind plus the mean over
    its pairs of two: as if both were drawn equally often, however many others there
    are. An anchor without either contributes 0 for it.

    Args:
        z: Embeddings `(batch, dim)`, any float type.
        labels: `(batch,)`, equal where two rows are of one kind.
        margin: Distance beyond which nothing is pushed, above 0.
        distance: "l2", or "cosine": of the unit vectors, `d^2 = 2 - 2 cos`.
        candidates: The embeddings and the labels of the global batch, when `z` is one
            replica's share of it.
        offset: Index of the first row of `z` in the global batch.

    Returns:
        One value an anchor, `(batch,)` float32.

    Raises:
        ValueError: If the margin or the distance is unfit, a shape is another or the
            global batch holds a single row.
    """
    return pull_and_push(compare(z, labels, distance, candidates, offset), margin)


def pull_and_push(pairs: Comparison, margin: float) -> tf.Tensor:
    """Mean over an anchor's positives plus mean over its negatives, `(batch,)`."""
    lack = tf.nn.relu(check_margin(margin) - root(pairs.squared))
    pull = mean_of(pairs.squared, pairs.positive)
    return pull + mean_of(lack**2, pairs.negative)


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MarginContrastive(keras.losses.Loss):
    """`margin_contrastive` as a Keras loss: `MarginContrastive()(same, (z1, z2))`.

    Args:
        margin: Distance beyond which nothing is pushed, above 0.
        distance: "l2" or "cosine".
        **kwargs: `name`, `reduction`, `dtype`, as for every Keras loss.

    Raises:
        ValueError: If the margin or the distance is unfit.
    """

    def __init__(
        self,
        margin: float = 1.0,
        distance: str = "l2",
        name: str = "margin_contrastive",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.margin = check_margin(margin)
        self.distance = check_distance(distance)

    def call(self, y_true: tf.Tensor, y_pred: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Returns one value a pair of two batches of embeddings."""
        z1, z2 = y_pred
        return margin_contrastive(z1, z2, y_true, self.margin, self.distance)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "margin": self.margin,
            "distance": self.distance,
        }
