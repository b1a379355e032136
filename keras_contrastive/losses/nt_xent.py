"""NT-Xent: the normalised, temperature-scaled cross entropy of SimCLR."""

import keras
import tensorflow as tf

from keras_contrastive.losses.cosine import (
    ROUNDING,
    check_pairs,
    check_temperature,
    unit,
)
from keras_contrastive.losses.in_blocks import BlockwiseLoss
from keras_contrastive.losses.streaming import log_sum_exp


def negative_log_odds(
    z1: tf.Tensor,
    z2: tf.Tensor,
    temperature: float = 0.1,
    candidates: tuple[tf.Tensor, tf.Tensor] | None = None,
    offset: tf.Tensor | int = 0,
    block_size: int | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Weighs all negatives of each view against its positive.

    With s the cosine similarity, of an anchor i with its positive p:

        o_i = log( sum_{k not in {i, p}} exp(s_ik / tau) / exp(s_ip / tau) )

    These log odds are all that the losses of two views are made of: NT-Xent is
    `log(1 + exp(o))`, because its denominator has the positive in it, too, and the
    decoupled form is `o` itself.

    Args:
        z1: Embeddings of the first views, `(batch, dim)`, any float type.
        z2: Embeddings of the second views, `(batch, dim)`.
        temperature: Above 0.
        candidates: The embeddings of the global batch, two `(global batch, dim)`,
            when `z1` and `z2` are one replica's share of it.
        offset: Index of the first row of `z1` in the global batch.
        block_size: Candidates that are compared at once; None: all.

    Returns:
        The log odds, `(2, batch)` float32, first views first; and whether the positive
        is closer than every negative, `(2, batch)` bool.

    Raises:
        ValueError: If the temperature is not above 0, the shapes differ, the global
            batch holds a single image or `block_size` is not positive.
    """
    check_temperature(temperature)
    z1, z2 = tf.convert_to_tensor(z1), tf.convert_to_tensor(z2)
    c1, c2 = map(tf.convert_to_tensor, candidates) if candidates else (z1, z2)
    check_pairs(z1, z2, least=1)
    check_pairs(c1, c2, least=2)
    ours = [unit(z1), unit(z2)]
    alone = c1 is z1 and c2 is z2
    everyone = ours if alone else [unit(c1), unit(c2)]
    images = tf.cast(offset, tf.int32) + tf.range(tf.shape(z1)[0])
    positives = [tf.gather(view, images) for view in reversed(everyone)]
    anchors = tf.concat(ours, axis=0) / temperature
    positive = tf.reduce_sum(anchors * tf.concat(positives, axis=0), axis=1)
    log_odds, highest = log_sum_exp(
        anchors,
        tf.concat(everyone, axis=0),
        positive,
        tf.tile(images, [2]),
        tf.tile(tf.range(tf.shape(c1)[0]), [2]),
        block_size,
    )
    closest = positive > highest + ROUNDING / temperature
    return tf.reshape(log_odds, [2, -1]), tf.reshape(closest, [2, -1])


def nt_xent(
    z1: tf.Tensor,
    z2: tf.Tensor,
    temperature: float = 0.1,
    candidates: tuple[tf.Tensor, tf.Tensor] | None = None,
    offset: tf.Tensor | int = 0,
    block_size: int | None = None,
) -> tf.Tensor:
    """Normalised temperature-scaled cross entropy between two views.

    With s the cosine similarity, the loss of an anchor i with its positive p among
    the 2B views of the batch is

        -log( exp(s_ip / tau) / sum_{k != i} exp(s_ik / tau) )

    and an example's value is the mean of its two directions. Computed in float32.

    Source: Chen et al. 2020 (https://arxiv.org/abs/2002.05709), equation 1.

    Args:
        z1: Embeddings of the first views, `(batch, dim)`, any float type.
        z2: Embeddings of the second views, `(batch, dim)`; row i belongs to row i of
            `z1`.
        temperature: Above 0.
        candidates: The embeddings of the global batch, two `(global batch, dim)`,
            when `z1` and `z2` are one replica's share of it.
        offset: Index of the first row of `z1` in the global batch.
        block_size: Candidates that are compared at once, a few hundred for batches
            whose `(2 batch, 2 global batch)` logits would not fit; None: all. The
            loss and its gradient are the same.

    Returns:
        One value an example, `(batch,)` float32.

    Raises:
        ValueError: If the temperature is not above 0, the shapes differ, the global
            batch holds a single image or `block_size` is not positive.
    """
    log_odds, _ = negative_log_odds(z1, z2, temperature, candidates, offset, block_size)
    return cross_entropy(log_odds)


def cross_entropy(log_odds: tf.Tensor) -> tf.Tensor:
    """Mean over both directions of each example's cross entropy, `(batch,)`."""
    return tf.reduce_mean(tf.nn.softplus(log_odds), axis=0)


@keras.saving.register_keras_serializable(package="keras_contrastive")
class NTXent(BlockwiseLoss):
    """`nt_xent` as a Keras loss: `NTXent()(z1, z2)`.

    Args:
        temperature: Above 0.
        block_size: Candidates that are compared at once; None: all.
        **kwargs: `name`, `reduction`, `dtype`, as for every Keras loss.

    Raises:
        ValueError: If the temperature or `block_size` is not above 0.
    """

    default_name = "nt_xent"

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns one value an example of two batches of embeddings."""
        return nt_xent(y_true, y_pred, self.temperature, block_size=self.block_size)
