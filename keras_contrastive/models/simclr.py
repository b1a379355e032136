"""SimCLR: two views of an image attract, all other views of the batch repel."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.losses.nt_xent import cross_entropy
from keras_contrastive.models.two_views import TwoViewModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SimCLR(TwoViewModel):
    """A simple framework for contrastive learning of visual representations.

    The energy of two views is minus the cosine similarity of their embeddings over a
    temperature. Training pushes it down for two views of one image and up for every
    other pair among the 2B views of the global batch (`kc.losses.nt_xent`). Both
    views go through the trunk as one batch, so their batch-norm statistics are common.

        encoder = kc.encoders.create("convnet", (32, 32, 3))
        model = kc.models.SimCLR(encoder, kc.augment.simclr(32, 0.5, blur=False))
        model.compile(keras.optimizers.Adam(1e-3))
        model.fit(kc.data.batches(kc.data.load("cifar10", "train"), 256), epochs=10)
        features = encoder(images, training=False)

    Source: Chen et al. 2020 (https://arxiv.org/abs/2002.05709), algorithm 1.

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
        """Returns this replica's mean NT-Xent; records metrics."""
        loss = tf.reduce_mean(cross_entropy(self.log_odds(z1, z2)))
        self.loss_mean.update_state(loss)
        return loss
