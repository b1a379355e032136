"""DCL: SimCLR whose positives do not compete with the negatives."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.models.two_views import TwoViewModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class DCL(TwoViewModel):
    """Decoupled contrastive learning.

    SimCLR with the positive left out of the denominator
    (`kc.losses.decoupled_nt_xent`), which makes small batches learn almost as well as
    large ones. The loss has no lower bound at 0.

    Source: Yeh et al. 2021 (https://arxiv.org/abs/2110.06848).

    Args:
        encoder: Trunk, images in [0, 1] to features `(batch, features)`. It is trained
            in place.
        augment: Layer that makes a view of an image batch, such as
            `kc.augment.simclr(32)`; None when the dataset brings ready views.
        projection_dim: Size of the embedding that the loss compares.
        temperature: Above 0.
        projection_layers: Layers of the projection head, 1 to 3.
        hidden_dim: Width of its hidden layers; None takes the features' size.
        chunk_size: Images of one view that pass the trunk at once, on each replica, so
            that a batch of thousands fits; see `GradientCache`. None: all.
        block_size: Candidates that the loss compares at once; None: all.
        seed: Seed of the views; None draws one.
        **kwargs: `name`.

    Raises:
        TypeError: If `encoder` or `augment` is not a Keras layer.
        ValueError: If the temperature or a size is out of its range.
    """

    def contrast(self, z1: tf.Tensor, z2: tf.Tensor, data: Any) -> tf.Tensor:
        """Returns this replica's mean decoupled NT-Xent; records metrics."""
        loss = tf.reduce_mean(self.log_odds(z1, z2))
        self.loss_mean.update_state(loss)
        return loss
