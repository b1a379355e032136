"""SupCon: every sample of the anchor's class is a positive."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.losses.cosine import ROUNDING, check_temperature, unit
from keras_contrastive.losses.in_blocks import BlockwiseLoss
from keras_contrastive.losses.streaming import log_sum_exp


def sup_con(
    z: tf.Tensor,
    labels: tf.Tensor,
    temperature: float = 0.1,
    candidates: tuple[tf.Tensor, tf.Tensor] | None = None,
    offset: tf.Tensor | int = 0,
    block_size: int | None = None,
) -> tf.Tensor:
    """Supervised contrastive loss, the mean over positives outside of the logarithm.

    With s the cosine similarity and P(i) the other samples of the batch that have the
    label of anchor i, its loss is

        -mean_{p in P(i)} log( exp(s_ip / tau) / sum_{k != i} exp(s_ik / tau) )

    The denominator has every other sample, the other positives included. An anchor
    without a positive contributes 0. Computed in float32.

    Source: Khosla et al. 2020 (https://arxiv.org/abs/2004.11362), equation 2 ("out").

    Args:
        z: Embeddings, `(batch, dim)`, any float type; of two views, both views' rows.
        labels: `(batch,)`, integers of any size.
        temperature: Above 0.
        candidates: The embeddings and the labels of the global batch, when `z` is one
            replica's share of it.
        offset: Index of the first row of `z` in the global batch.
        block_size: Samples that are compared at once; None: all.

    Returns:
        One value a sample, `(batch,)` float32.

    Raises:
        TypeError: If the labels are not integers.
        ValueError: If the temperature or `block_size` is not positive or the shapes
            do not fit.
    """
    return compare(z, labels, temperature, candidates, offset, block_size)[0]


def compare(
    z: tf.Tensor,
    labels: tf.Tensor,
    temperature: float = 0.1,
    candidates: tuple[tf.Tensor, tf.Tensor] | None = None,
    offset: tf.Tensor | int = 0,
    block_size: int | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns `sup_con`, and whether a sample's nearest other one has its label."""
    check_temperature(temperature)
    z, labels = _checked(z, labels, ("z", "labels"))
    others, classes = z, labels
    if candidates is not None:
        others, classes = _checked(*candidates, ("candidates", "candidates"))
    alone = others is z
    classes = class_index(classes)
    rows = tf.cast(offset, tf.int32) + tf.range(tf.shape(z)[0])
    count = tf.shape(others)[0]
    ours, others = unit(z), unit(others)
    if alone:
        others = ours
    anchors = ours / temperature
    # The mean positive is what is compared: by class sums, of the size of the batch,
    # and not pair by pair, of the square of it.
    sums = tf.math.unsorted_segment_sum(others, classes, count)
    sizes = tf.math.unsorted_segment_sum(tf.ones_like(classes), classes, count)
    own_class = tf.gather(classes, rows)
    positives = tf.gather(sizes, own_class) - 1
    total = tf.gather(sums, own_class) - tf.gather(others, rows)
    mean = total / tf.cast(tf.maximum(positives, 1), tf.float32)[:, None]
    reference = tf.reduce_sum(anchors * mean, axis=1)
    loss, highest = log_sum_exp(
        anchors, others, reference, rows, tf.range(count), block_size
    )
    _, of_another = log_sum_exp(
        *map(tf.stop_gradient, (anchors, others, reference)),
        own_class,
        classes,
        block_size,
    )
    closest = highest > of_another + ROUNDING / temperature
    return tf.where(positives > 0, loss, 0.0), closest


def class_index(labels: tf.Tensor) -> tf.Tensor:
    """Numbers the labels from 0 in the order of their size, `(batch,)` int32."""
    order = tf.argsort(labels, stable=True)
    ordered = tf.gather(labels, order)
    steps = tf.cast(ordered[1:] != ordered[:-1], tf.int32)
    index = tf.concat([tf.zeros([1], tf.int32), tf.cumsum(steps)], axis=0)
    return tf.gather(index, tf.argsort(order))


def check_holds_labels(dtype: str) -> None:
    """Stops at a loss whose dtype, to which Keras casts labels, merges some of them.

    Raises:
        ValueError: If it is not float32.
    """
    if dtype != "float32":
        raise ValueError(
            "`dtype` must be float32, which holds the numbers of the labels. "
            f"Received: {dtype}"
        )


def check_labels(labels: Any, name: str = "labels") -> tf.Tensor:
    """Returns integer labels as a tensor.

    Raises:
        TypeError: If they are not integers.
        ValueError: If their shape is not `(batch,)`.
    """
    labels = tf.convert_to_tensor(labels)
    if not labels.dtype.is_integer:
        raise TypeError(
            f"`{name}` must be integers: a float holds large ones by their first "
            f"digits alone. Received: {labels.dtype.name}"
        )
    if labels.shape.rank != 1:
        raise ValueError(f"`{name}` must have shape (batch,). Received: {labels.shape}")
    return labels


def _checked(
    z: Any, labels: Any, names: tuple[str, str]
) -> tuple[tf.Tensor, tf.Tensor]:
    z, labels = tf.convert_to_tensor(z), check_labels(labels, names[1])
    if z.shape.rank != 2 or not z.shape[:1].is_compatible_with(labels.shape):
        raise ValueError(
            f"`{names[0]}` must be embeddings (batch, dim) with a label each. "
            f"Received: {z.shape} and labels {labels.shape}"
        )
    return z, labels


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SupConLoss(BlockwiseLoss):
    """`sup_con` as a Keras loss: `SupConLoss()(labels, z)`.

    Keras casts all that a loss is called with to floats, in which labels above 2^24
    lose their identity. Here they are numbered from 0 before that, which keeps it.

    Args:
        temperature: Above 0.
        block_size: Samples that are compared at once; None: all.
        **kwargs: `name`, `reduction`, as for every Keras loss. `dtype` must be
            float32, its default.

    Raises:
        ValueError: If the temperature or `block_size` is not above 0, or `dtype` is
            another.
    """

    default_name = "sup_con"

    def __init__(
        self,
        temperature: float = 0.1,
        block_size: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        kwargs = {"dtype": "float32", **kwargs}
        super().__init__(temperature, block_size, name, **kwargs)
        check_holds_labels(self.dtype)

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> tf.Tensor:
        """Returns the reduced loss of labels `(batch,)` and embeddings."""
        labels = class_index(check_labels(y_true))
        return super().__call__(labels, y_pred, sample_weight)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns one value a sample of labels and their embeddings."""
        # Numbered by `__call__`, and so exact in float32.
        labels = tf.cast(y_true, tf.int64)
        return sup_con(y_pred, labels, self.temperature, block_size=self.block_size)
