"""MoCo v3: queries of each view against the momentum keys of the other's batch."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute import all_gather, all_gather_together, replica_index
from keras_contrastive.encoders import projection_head
from keras_contrastive.losses.cosine import check_temperature
from keras_contrastive.losses.info_nce import info_nce_logits
from keras_contrastive.models.embedding import EmbeddingModel
from keras_contrastive.models.gradient_cache import GradientCache
from keras_contrastive.models.momentum import MomentumEncoder
from keras_contrastive.models.one_call import one_call


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MoCoV3(EmbeddingModel):
    """Momentum contrast without a queue: the batch is large enough.

    The query of each view passes a predictor on top of the head and is compared with
    the momentum keys of the other view, all of the global batch: one positive, the
    rest negatives. The loss is `2 tau` times the sum of both directions, so that its
    gradient does not grow as the temperature falls.

    The key encoder, trunk and head without predictor, starts as a copy; trained
    weights follow by `momentum`, batch-norm statistics are its own. Each view is a
    batch of its own for batch norm, which is synchronised over replicas.

    Source: Chen, Xie & He 2021 (https://arxiv.org/abs/2104.02057), algorithm 1; head
    and predictor as its authors have them for ResNets, without a bias anywhere and
    without batch norm after the predictor.

    Args:
        encoder: Trunk, images in [0, 1] to features `(batch, features)`. It is trained
            in place.
        augment: Layer that makes a view of an image batch; None when the dataset
            brings ready views.
        projection_dim: Size of the embedding that the loss compares.
        hidden_dim: Width of the hidden layer of head and predictor.
        momentum: Of the key encoder, in [0, 1), or a schedule of the step such as
            `kc.optimizers.CosineMomentum`, which is the paper's.
        temperature: Above 0.
        chunk_size: Images of one view that pass the trunk at once, on each replica, so
            that a batch of thousands fits; see `GradientCache`. None: all.
        seed: Seed of the views; None draws one.
        **kwargs: `name`.

    Raises:
        TypeError: If `encoder` or `augment` is not a Keras layer.
        ValueError: If the encoder is not built, or a number is out of its range.
    """

    # Each view passes the trunk by itself.
    trunk_calls = 2

    def __init__(
        self,
        encoder: keras.Model,
        augment: keras.layers.Layer | None = None,
        projection_dim: int = 256,
        hidden_dim: int = 4096,
        momentum: float | Callable[[Any], Any] = 0.99,
        temperature: float = 1.0,
        chunk_size: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(encoder, augment, seed, chunk_size, **kwargs)
        self.projection_dim = projection_dim
        self.hidden_dim = hidden_dim
        self.temperature = check_temperature(temperature)
        self.projection = projection_head(
            self.feature_dim, projection_dim, hidden_dim, last_batch_norm=True
        )
        self.predictor = projection_head(
            projection_dim,
            projection_dim,
            hidden_dim,
            last_bias=False,
            name="predictor",
        )
        self.key_encoder = MomentumEncoder([encoder, self.projection], momentum)
        layers = [encoder, self.projection, self.predictor]
        self.embed_all = one_call(
            lambda views, training: [_through(layers, x, training) for x in views],
            layers,
        )
        if chunk_size is not None:
            self.cache = GradientCache(layers, chunk_size)
            self.key_cache = GradientCache(self.key_encoder.copies, chunk_size)
        self.built = True

    def embed(self, views: tuple[tf.Tensor, ...], training: bool) -> list[tf.Tensor]:
        """Returns the queries of each view, `(batch, projection_dim)`."""
        return self.embed_all(views, training=training)

    def keys(self, views: tuple[tf.Tensor, ...], training: bool) -> list[tf.Tensor]:
        """Returns the momentum keys of each view, `(batch, projection_dim)`."""
        if self.cache is not None:
            return self.key_cache.embed(views, training, move=training)
        return [self.key_encoder(view, training=training) for view in views]

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Compares each view's queries with the other view's keys."""
        views = self.views(data, step=self.step)
        keys = self.keys(views, training=True)
        self.learn(views, lambda queries: self.contrast(queries, keys))
        self.key_encoder.follow([self.encoder, self.projection], self.step)
        return self.results()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Computes the loss and the metrics in inference mode."""
        views = self.views(data, step=-1)
        keys = self.keys(views, training=False)
        self.contrast(self.embed(views, training=False), keys)
        return self.results()

    def contrast(self, queries: list[tf.Tensor], keys: list[tf.Tensor]) -> tf.Tensor:
        """Returns this replica's mean loss and records the metrics.

        Args:
            queries: `(batch, projection_dim)` for each view.
            keys: `(batch, projection_dim)` for each view.
        """
        offset = replica_index() * tf.shape(keys[0])[0]
        losses = []
        everyone = all_gather_together(*keys)
        for query, key, candidates in zip(
            queries, reversed(keys), reversed(everyone), strict=True
        ):
            logits, positive = info_nce_logits(
                query,
                key,
                temperature=self.temperature,
                candidates=candidates,
                offset=offset,
            )
            losses.append(self.picked(logits, positive, self.temperature))
        self.watch(all_gather(queries[0]))
        loss = 2 * self.temperature * tf.add_n(losses)
        self.loss_mean.update_state(loss)
        return loss

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "projection_dim": self.projection_dim,
            "hidden_dim": self.hidden_dim,
            "momentum": self.key_encoder.momentum_config(),
            "temperature": self.temperature,
            "chunk_size": self.chunk_size,
        }


def _through(
    layers: list[keras.layers.Layer], x: tf.Tensor, training: bool
) -> tf.Tensor:
    for layer in layers:
        x = layer(x, training=training)
    return x
