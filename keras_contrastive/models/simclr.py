"""SimCLR: two views of an image attract, all other views of the batch repel."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute import all_gather, replica_index
from keras_contrastive.encoders import projection_head
from keras_contrastive.losses.cosine import check_temperature
from keras_contrastive.losses.nt_xent import cross_entropy, nt_xent_logits
from keras_contrastive.models.embedding import EmbeddingModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SimCLR(EmbeddingModel):
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
        seed: Seed of the views; None draws one.
        **kwargs: `name`.

    Raises:
        TypeError: If `encoder` or `augment` is not a Keras layer.
        ValueError: If the temperature or a size is out of its range.
    """

    def __init__(
        self,
        encoder: keras.Model,
        augment: keras.layers.Layer | None = None,
        projection_dim: int = 128,
        temperature: float = 0.1,
        projection_layers: int = 2,
        hidden_dim: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(encoder, augment, seed=seed, **kwargs)
        self.projection_dim = projection_dim
        self.temperature = check_temperature(temperature)
        self.projection_layers = projection_layers
        self.hidden_dim = hidden_dim
        self.projection = projection_head(
            self.feature_dim, projection_dim, hidden_dim, projection_layers
        )
        self.loss_mean = keras.metrics.Mean(name="loss")
        self.accuracy = keras.metrics.Mean(name="contrastive_accuracy")
        self.built = True

    def embed(self, views: tuple[tf.Tensor, ...], training: bool) -> list[tf.Tensor]:
        """Returns the embedding of each view, `(batch, projection_dim)`."""
        features = self.encoder(tf.concat(views, axis=0), training=training)
        return tf.split(self.projection(features, training=training), len(views))

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Pushes the energy down for two views of an image, up for all other pairs."""
        views = self.views(data, step=self.step)
        with tf.GradientTape() as tape:
            z1, z2 = self.embed(views, training=True)
            loss = self.contrast(z1, z2)
            scaled_loss = self.scaled(loss)
        self.minimise(tape, scaled_loss)
        return self.results()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Computes the loss and the metrics in inference mode."""
        z1, z2 = self.embed(self.views(data, step=-1), training=False)
        self.contrast(z1, z2)
        return self.results()

    def contrast(self, z1: tf.Tensor, z2: tf.Tensor) -> tf.Tensor:
        """Returns this replica's mean loss against the global batch; records metrics.

        Args:
            z1: Embeddings of the first views, `(batch, projection_dim)`.
            z2: Embeddings of the second views, `(batch, projection_dim)`.
        """
        everyone = all_gather(z1), all_gather(z2)
        offset = replica_index() * tf.shape(z1)[0]
        logits, positive = nt_xent_logits(z1, z2, self.temperature, everyone, offset)
        loss = tf.reduce_mean(cross_entropy(logits, positive))
        chosen = tf.argmax(logits, axis=1, output_type=positive.dtype)
        self.loss_mean.update_state(loss)
        self.accuracy.update_state(tf.cast(chosen == positive, tf.float32))
        self.watch(everyone[0])
        return loss

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "projection_dim": self.projection_dim,
            "temperature": self.temperature,
            "projection_layers": self.projection_layers,
            "hidden_dim": self.hidden_dim,
        }
