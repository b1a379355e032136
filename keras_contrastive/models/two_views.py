"""What the methods share that compare two views of each image within the batch."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute import all_gather_together, replica_index
from keras_contrastive.encoders import projection_head
from keras_contrastive.losses.cosine import check_temperature
from keras_contrastive.losses.nt_xent import negative_log_odds
from keras_contrastive.losses.streaming import check_block_size
from keras_contrastive.models.embedding import EmbeddingModel
from keras_contrastive.models.gradient_cache import GradientCache


class TwoViewModel(EmbeddingModel):
    """A trunk and a head whose embeddings of two views a loss compares.

    Both views go through the trunk as one batch, so their batch-norm statistics are
    common. A subclass says in `contrast` what the loss is.

    The batch may be larger than the memory: `chunk_size` bounds the images whose
    activations are held, see `GradientCache`, and `block_size` the logits.

    Args:
        encoder: Trunk, images in [0, 1] to features `(batch, features)`. It is trained
            in place.
        augment: Layer that makes a view of an image batch; None when the dataset
            brings ready views.
        projection_dim: Size of the embedding that the loss compares.
        temperature: Above 0.
        projection_layers: Layers of the projection head, 1 to 3.
        hidden_dim: Width of its hidden layers; None takes the features' size.
        chunk_size: Images of one view that pass the trunk at once, on each replica; it
            must divide the replica's batch. None: all of both views.
        block_size: Candidates that the loss compares at once; None: all.
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
        chunk_size: int | None = None,
        block_size: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(encoder, augment, seed, chunk_size, **kwargs)
        self.projection_dim = projection_dim
        self.temperature = check_temperature(temperature)
        self.projection_layers = projection_layers
        self.hidden_dim = hidden_dim
        self.projection = projection_head(
            self.feature_dim, projection_dim, hidden_dim, projection_layers
        )
        if chunk_size is not None:
            self.cache = GradientCache([encoder, self.projection], chunk_size)
        self.block_size = check_block_size(block_size)
        self.built = True

    def embed(self, views: tuple[tf.Tensor, ...], training: bool) -> list[tf.Tensor]:
        """Returns the embedding of each view, `(batch, projection_dim)`."""
        features = self.encoder(tf.concat(views, axis=0), training=training)
        return tf.split(self.projection(features, training=training), len(views))

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Pushes the energy down for positive pairs, up for all others of the batch."""
        views = self.views(data, step=self.step)
        self.learn(views, lambda z: self.contrast(*z, data))
        return self.results()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Computes the loss and the metrics in inference mode."""
        embed = self.embed if self.cache is None else self.cache.embed
        self.contrast(*embed(self.views(data, step=-1), training=False), data)
        return self.results()

    def contrast(self, z1: tf.Tensor, z2: tf.Tensor, data: Any) -> tf.Tensor:
        """Returns this replica's mean loss against the global batch; records metrics.

        Args:
            z1: Embeddings of the first views, `(batch, projection_dim)`.
            z2: Embeddings of the second views, `(batch, projection_dim)`.
            data: The batch as `fit` takes it.
        """
        raise NotImplementedError

    def log_odds(self, z1: tf.Tensor, z2: tf.Tensor) -> tf.Tensor:
        """Returns `negative_log_odds` against the global batch; records metrics.

        Args:
            z1: Embeddings of the first views, `(batch, projection_dim)`.
            z2: Embeddings of the second views, `(batch, projection_dim)`.
        """
        everyone = all_gather_together(z1, z2)
        offset = replica_index() * tf.shape(z1)[0]
        log_odds, closest = negative_log_odds(
            z1, z2, self.temperature, everyone, offset, self.block_size
        )
        self.accuracy.update_state(tf.cast(closest, tf.float32))
        self.watch(everyone[0])
        return log_odds

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "projection_dim": self.projection_dim,
            "temperature": self.temperature,
            "projection_layers": self.projection_layers,
            "hidden_dim": self.hidden_dim,
            "chunk_size": self.chunk_size,
            "block_size": self.block_size,
        }
