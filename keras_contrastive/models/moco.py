"""MoCo: queries against a queue of keys from a slowly moving encoder."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute import all_gather
from keras_contrastive.encoders import (
    check_splittable,
    projection_head,
    split_statistics,
)
from keras_contrastive.losses.cosine import check_temperature
from keras_contrastive.losses.memory_log_odds import memory_log_odds
from keras_contrastive.memory import FeatureQueue
from keras_contrastive.models.batches import batch_size, check_room
from keras_contrastive.models.embedding import EmbeddingModel
from keras_contrastive.models.momentum import MomentumEncoder, shuffled_keys
from keras_contrastive.models.one_call import one_call


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MoCo(EmbeddingModel):
    """Momentum contrast, v1 and v2.

    The energy of a query and a key is minus their cosine similarity over a
    temperature. It is pushed down for two views of one image, the key made by an
    encoder that follows the query encoder slowly, and up for the `queue_size` keys of
    the batches before (`kc.losses.info_nce`). The keys of a batch enter the queue after
    its loss, so no query meets its own key there. (A queue that is longer than an
    epoch holds an older key of the same image; keep it shorter.) Slots that were never
    written are no negatives: the first step of all has none.

    The key encoder starts as a copy; trained weights follow by `momentum`, batch-norm
    statistics are its own. Batch norm works in `batch_norm_groups` groups of the
    global batch, the keys' shuffled: the paper's shuffling over eight GPUs, on any
    number of devices. One group synchronises the batch norm of all of them instead,
    and then a query can tell its key by their common statistics.

    v1 is `projection_layers=1, temperature=0.07` with `kc.augment.moco_v1`, v2 the
    default with `kc.augment.moco_v2`.

        encoder = kc.encoders.create("convnet", (32, 32, 3))
        augment = kc.augment.simclr(32, 0.5, blur=False)
        model = kc.models.MoCo(encoder, augment, queue_size=4096, momentum=0.99)
        model.compile(kc.optimizers.SGD(0.06, weight_decay=5e-4))
        model.fit(kc.data.batches(kc.data.load("cifar10", "train"), 256), epochs=10)

    Source: He et al. 2019 (https://arxiv.org/abs/1911.05722), algorithm 1; v2: Chen et
    al. 2020 (https://arxiv.org/abs/2003.04297).

    Args:
        encoder: Trunk, images in [0, 1] to features `(batch, features)`. It is trained
            in place.
        augment: Layer that makes a view of an image batch; None when the dataset
            brings ready views, the queries' first.
        projection_dim: Size of the embedding that the loss compares.
        queue_size: Keys that the queue keeps, at least a global batch (two if
            `symmetric`).
        momentum: Of the key encoder, in [0, 1), or a schedule of the step such as
            `kc.optimizers.CosineMomentum`.
        temperature: Above 0.
        projection_layers: Layers of the head: 1 is v1's, 2 is v2's.
        hidden_dim: Width of its hidden layers; None takes the features' size.
        batch_norm_groups: Groups of the global batch that batch norm sees, at least 1;
            a multiple of the number of replicas that divides the global batch.
        symmetric: Whether each view is also compared with the other's key: twice the
            computing a step, and both keys enter the queue.
        seed: Seed of the views and of the shuffling; None draws one.
        **kwargs: `name`.

    Raises:
        TypeError: If `encoder` or `augment` is not a Keras layer.
        ValueError: If the encoder is not built, or a number is out of its range.
    """

    def __init__(
        self,
        encoder: keras.Model,
        augment: keras.layers.Layer | None = None,
        projection_dim: int = 128,
        queue_size: int = 65536,
        momentum: float | Callable[[Any], Any] = 0.999,
        temperature: float = 0.2,
        projection_layers: int = 2,
        hidden_dim: int | None = None,
        batch_norm_groups: int = 8,
        symmetric: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(encoder, augment, seed=seed, **kwargs)
        self.projection_dim = projection_dim
        self.temperature = check_temperature(temperature)
        self.projection_layers = projection_layers
        self.hidden_dim = hidden_dim
        self.batch_norm_groups = check_splittable(encoder, batch_norm_groups)
        self.symmetric = symmetric
        self.projection = projection_head(
            self.feature_dim,
            projection_dim,
            hidden_dim,
            projection_layers,
            batch_norm=False,
        )
        self.key_encoder = MomentumEncoder([encoder, self.projection], momentum)
        self.queue = FeatureQueue(queue_size, projection_dim)
        self.embed_all = one_call(
            lambda images, training: [self.embed(x, training) for x in images],
            [encoder, self.projection],
        )
        self.built = True

    def embed(self, images: tf.Tensor, training: bool) -> tf.Tensor:
        """Returns the queries of a view, `(batch, projection_dim)`."""
        groups = self.batch_norm_groups if training else 1
        with split_statistics(groups):
            features = self.encoder(images, training=training)
        return self.projection(features, training=training)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Compares queries with their keys and the queue; then the queue moves on."""
        views = self.views(data, step=self.step)
        pairs = self.pairs(views)
        keys = [
            shuffled_keys(
                self.key_encoder,
                image,
                self.batch_norm_groups,
                self.seed_of(self.step, 2 + number),
            )
            for number, (_, image) in enumerate(pairs)
        ]
        with tf.GradientTape() as tape:
            images = [image for image, _ in pairs]
            queries = self.embed_all(images, training=True)
            loss = self.contrast(queries, keys)
            scaled_loss = self.scaled(loss)
        self.minimise(tape, scaled_loss)
        self.key_encoder.follow([self.encoder, self.projection], self.step)
        for key in keys:
            self.queue.enqueue(all_gather(key))
        return self.results()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Computes the loss and the metrics in inference mode; the queue stays."""
        pairs = self.pairs(self.views(data, step=-1))
        queries = [self.embed(image, training=False) for image, _ in pairs]
        keys = [self.key_encoder(image, training=False) for _, image in pairs]
        self.contrast(queries, keys)
        return self.results()

    def pairs(self, views: tuple[tf.Tensor, ...]) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Returns the (query view, key view)s of a step."""
        first, second = views
        return [(first, second), (second, first)] if self.symmetric else [views]

    def contrast(self, queries: list[tf.Tensor], keys: list[tf.Tensor]) -> tf.Tensor:
        """Returns this replica's mean loss and records the metrics.

        Args:
            queries: `(batch, projection_dim)` for each pair of views.
            keys: `(batch, projection_dim)` for each, row i of query i.
        """
        losses = []
        for query, key in zip(queries, keys, strict=True):
            log_odds, right = memory_log_odds(
                query, key, self.queue.keys, self.temperature, self.queue.valid
            )
            self.accuracy.update_state(tf.cast(right, tf.float32))
            losses.append(tf.reduce_mean(tf.nn.softplus(log_odds)))
        self.watch(all_gather(queries[0]))
        loss = tf.add_n(losses) / len(losses)
        self.loss_mean.update_state(loss)
        return loss

    def check_training_spec(self, spec: dict[str, Any]) -> None:
        """Stops before the first step at a batch that groups or queue cannot take."""
        super().check_training_spec(spec)
        size = batch_size(spec)
        if size is not None and size % self.batch_norm_groups:
            raise ValueError(
                f"`x` must have a batch size that the {self.batch_norm_groups} "
                "`batch_norm_groups` can share equally. "
                f"Received: a batch of {size}"
            )
        check_room(spec, self.queue.size, keys=2 if self.symmetric else 1)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "projection_dim": self.projection_dim,
            "queue_size": self.queue.size,
            "momentum": self.key_encoder.momentum_config(),
            "temperature": self.temperature,
            "projection_layers": self.projection_layers,
            "hidden_dim": self.hidden_dim,
            "batch_norm_groups": self.batch_norm_groups,
            "symmetric": self.symmetric,
        }
