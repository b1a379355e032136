"""The triplet loss: an anchor is nearer to its own kind than to any other."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.losses.distance import (
    Comparison,
    check_distance,
    check_margin,
    compare,
    mean_of,
)
from keras_contrastive.losses.sup_con import check_holds_labels


def triplet(
    z: tf.Tensor,
    labels: tf.Tensor,
    margin: float = 0.2,
    distance: str = "l2",
    mining: str = "semi_hard",
    candidates: tuple[tf.Tensor, tf.Tensor] | None = None,
    offset: tf.Tensor | int = 0,
) -> tf.Tensor:
    """How much farther than a negative, less a margin, an anchor's positives are.

    With d_p and d_n the distances of an anchor to a positive and to a negative,

        max(0, d_p^2 - d_n^2 + m)

    averaged over the triplets that the mining leaves to an anchor:

    - "semi_hard": with each positive the nearest of the negatives that are farther
      than it; when none is, the farthest negative, which is the least hard;
    - "hard": one triplet, its farthest positive and its nearest negative;
    - "all": each positive with each negative.

    The distances are squared, as FaceNet's, in "hard" too, whose paper squares none.
    An anchor without a positive or without a negative has the value 0. Computed in
    float32; "semi_hard" and "all" sort, so memory grows with the pairs and not the
    triplets.

    Source: Schroff et al. 2015 (https://arxiv.org/abs/1503.03832), equation 3 and
    section 3.2; "hard" and "all" Hermans et al. 2017
    (https://arxiv.org/abs/1703.07737), section 2.

    Args:
        z: Embeddings `(batch, dim)`, any float type.
        labels: `(batch,)`, equal where two rows are of one kind.
        margin: Above 0.
        distance: "l2", or "cosine": of the unit vectors, `d^2 = 2 - 2 cos`, the
            paper's own.
        mining: "semi_hard", "hard" or "all".
        candidates: The embeddings and the labels of the global batch, when `z` is one
            replica's share of it.
        offset: Index of the first row of `z` in the global batch.

    Returns:
        One value an anchor, `(batch,)` float32.

    Raises:
        ValueError: If the margin, the distance or the mining is unfit, a shape is
            another or the global batch holds a single row.
    """
    check_mining(mining)
    pairs = compare(z, labels, distance, candidates, offset)
    return mined(pairs, margin, mining)


def mined(pairs: Comparison, margin: float, mining: str) -> tf.Tensor:
    """Mean over each anchor's mined triplets, `(batch,)`; 0 where there is none."""
    value = _MINING[check_mining(mining)](pairs, check_margin(margin))
    complete = tf.reduce_any(pairs.positive, 1) & tf.reduce_any(pairs.negative, 1)
    return tf.where(complete, value, 0.0)


def _semi_hard(pairs: Comparison, margin: float) -> tf.Tensor:
    if pairs.one_positive:
        # A sort would take longer than all else of the loss.
        positive = _farthest(pairs.squared, pairs.positive)
        is_farther = pairs.negative & (pairs.squared > positive[:, None])
        farther = _nearest(pairs.squared, is_farther)
        least_hard = _farthest(pairs.squared, pairs.negative)
        negative = tf.where(tf.reduce_any(is_farther, 1), farther, least_hard)
        return tf.nn.relu(positive - negative + margin)
    near_to_far, count = _negatives(pairs)
    # How many negatives are not farther than the positive, and so the place of the
    # first that is.
    first = tf.searchsorted(near_to_far, pairs.squared, side="right")
    first = tf.clip_by_value(first, 0, tf.maximum(count - 1, 0))
    negative = tf.gather(near_to_far, first, batch_dims=1)  # (batch, global batch)
    return mean_of(tf.nn.relu(pairs.squared - negative + margin), pairs.positive)


def _hard(pairs: Comparison, margin: float) -> tf.Tensor:
    positive = _farthest(pairs.squared, pairs.positive)
    negative = _nearest(pairs.squared, pairs.negative)
    return tf.nn.relu(positive - negative + margin)


def _all(pairs: Comparison, margin: float) -> tf.Tensor:
    if pairs.one_positive:
        positive = _farthest(pairs.squared, pairs.positive)
        values = tf.nn.relu(positive[:, None] - pairs.squared + margin)
        return mean_of(values, pairs.negative)
    near_to_far, count = _negatives(pairs)
    reach = pairs.squared + margin
    # The k negatives within reach give k reach - sum d_n^2; all others give 0.
    within = tf.searchsorted(near_to_far, reach, side="left")
    within = tf.minimum(within, count)
    summed = tf.pad(tf.cumsum(near_to_far, axis=1), [[0, 0], [1, 0]])
    total = tf.cast(within, tf.float32) * reach
    total -= tf.gather(summed, within, batch_dims=1)
    each = total / tf.maximum(tf.cast(count, tf.float32), 1.0)
    return mean_of(each, pairs.positive)


_MINING: dict[str, Callable[[Comparison, float], tf.Tensor]] = {
    "semi_hard": _semi_hard,
    "hard": _hard,
    "all": _all,
}


def _negatives(pairs: Comparison) -> tuple[tf.Tensor, tf.Tensor]:
    """Each anchor's squared distances to its negatives, sorted, and their number.

    The places `(batch, global batch)` behind the last negative, `(batch, 1)` of them,
    hold a number above every distance.
    """
    count = tf.reduce_sum(tf.cast(pairs.negative, tf.int32), axis=1, keepdims=True)
    negatives = tf.where(pairs.negative, pairs.squared, _beyond(pairs.squared))
    return tf.sort(negatives, axis=1), count


def _beyond(squared: tf.Tensor) -> tf.Tensor:
    """A number above every distance."""
    return 2.0 * tf.stop_gradient(tf.reduce_max(squared)) + 1.0


def _nearest(squared: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Least of each row's chosen distances, `(batch,)`; of none one above them all."""
    return tf.reduce_min(tf.where(chosen, squared, _beyond(squared)), axis=1)


def _farthest(squared: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Greatest of each row's chosen distances, `(batch,)`; of none 0."""
    return tf.reduce_max(tf.where(chosen, squared, 0.0), axis=1)


def check_mining(mining: str) -> str:
    """Returns the mining's name.

    Raises:
        ValueError: If it is unknown.
    """
    if mining not in _MINING:
        raise ValueError(
            f"`mining` must be one of {', '.join(_MINING)}. Received: {mining!r}"
        )
    return mining


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Triplet(keras.losses.Loss):
    """`triplet` as a Keras loss: `Triplet()(labels, z)`.

    Args:
        margin: Above 0.
        distance: "l2" or "cosine".
        mining: "semi_hard", "hard" or "all".
        **kwargs: `name`, `reduction`, as for every Keras loss. `dtype` must be
            float32, its default.

    Raises:
        ValueError: If the margin, the distance or the mining is unfit, or `dtype` is
            another.
    """

    def __init__(
        self,
        margin: float = 0.2,
        distance: str = "l2",
        mining: str = "semi_hard",
        name: str = "triplet",
        **kwargs: Any,
    ):
        super().__init__(name=name, **{"dtype": "float32", **kwargs})
        check_holds_labels(self.dtype)
        self.margin = check_margin(margin)
        self.distance = check_distance(distance)
        self.mining = check_mining(mining)

    def __call__(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: Any = None
    ) -> tf.Tensor:
        """Returns the reduced loss; see `keras.losses.Loss`."""
        # Keras casts labels to floats, in which neighbours above 2^24 are one. The
        # first row of its label stands for each.
        labels = tf.reshape(tf.convert_to_tensor(y_true), [-1])
        alike = tf.cast(labels[:, None] == labels[None, :], tf.int32)
        return super().__call__(tf.argmax(alike, axis=1), y_pred, sample_weight)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns one value an anchor of a batch of embeddings."""
        return triplet(y_pred, y_true, self.margin, self.distance, self.mining)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "margin": self.margin,
            "distance": self.distance,
            "mining": self.mining,
        }
