"""Decoupled NT-Xent: the positive attracts, whatever the negatives do."""

import keras
import tensorflow as tf

from keras_contrastive.losses.in_blocks import BlockwiseLoss
from keras_contrastive.losses.nt_xent import negative_log_odds


def decoupled_nt_xent(
    z1: tf.Tensor,
    z2: tf.Tensor,
    temperature: float = 0.1,
    candidates: tuple[tf.Tensor, tf.Tensor] | None = None,
    offset: tf.Tensor | int = 0,
    block_size: int | None = None,
) -> tf.Tensor:
    """NT-Xent without the positive in the denominator.

    With s the cosine similarity, the loss of an anchor i with its positive p among
    the 2B views of the batch is

        -s_ip / tau + log( sum_{k not in {i, p}} exp(s_ik / tau) )

    and an example's value is the mean of its two directions; it may be negative. In
    NT-Xent a positive that is close already makes the gradient of all its negatives
    small, and in a small batch most are. Computed in float32.

    Source: Yeh et al. 2021 (https://arxiv.org/abs/2110.06848), the loss L_DC.

    Args:
        z1: Embeddings of the first views, `(batch, dim)`, any float type.
        z2: Embeddings of the second views, `(batch, dim)`; row i belongs to row i of
            `z1`.
        temperature: Above 0.
        candidates: The embeddings of the global batch, two `(global batch, dim)`,
            when `z1` and `z2` are one replica's share of it.
        offset: Index of the first row of `z1` in the global batch.
        block_size: Candidates that are compared at once; None: all.

    Returns:
        One value an example, `(batch,)` float32.

    Raises:
        ValueError: If the temperature is not above 0, the shapes differ, the global
            batch holds a single image or `block_size` is not positive.
    """
    log_odds, _ = negative_log_odds(z1, z2, temperature, candidates, offset, block_size)
    return tf.reduce_mean(log_odds, axis=0)


@keras.saving.register_keras_serializable(package="keras_contrastive")
class DecoupledNTXent(BlockwiseLoss):
    """`decoupled_nt_xent` as a Keras loss: `DecoupledNTXent()(z1, z2)`.

    Args:
        temperature: Above 0.
        block_size: Candidates that are compared at once; None: all.
        **kwargs: `name`, `reduction`, `dtype`, as for every Keras loss.

    Raises:
        ValueError: If the temperature or `block_size` is not above 0.
    """

    default_name = "decoupled_nt_xent"

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns one value an example of two batches of embeddings."""
        return decoupled_nt_xent(
            y_true, y_pred, self.temperature, block_size=self.block_size
        )
