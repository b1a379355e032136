"""Siamese nets: like pairs attract, unlike pairs keep a margin."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute import all_gather, replica_index
from keras_contrastive.encoders import projection_head
from keras_contrastive.losses.distance import (
    Comparison,
    check_distance,
    check_margin,
    compare,
)
from keras_contrastive.losses.margin_contrastive import pull_and_push
from keras_contrastive.losses.triplet import check_mining, mined
from keras_contrastive.models.batches import select
from keras_contrastive.models.embedding import EmbeddingModel


def _margin_loss(pairs: Comparison, margin: float, mining: str) -> tf.Tensor:
    return pull_and_push(pairs, margin)


_LOSSES: dict[str, Callable[[Comparison, float, str], tf.Tensor]] = {
    "margin": _margin_loss,
    "triplet": mined,
}
_MARGINS = {"margin": 1.0, "triplet": 0.2}


def _images(batch: dict[str, Any], size: tf.Tensor | int) -> tf.Tensor:
    """Each image is a kind of its own: its number in the global batch."""
    return replica_index() * size + tf.range(size)


def _classes(batch: dict[str, Any], size: tf.Tensor | int) -> tf.Tensor:
    return batch["label"]


_KINDS: dict[str, Callable[[dict[str, Any], tf.Tensor | int], tf.Tensor]] = {
    "views": _images,
    "labels": _classes,
}


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Siamese(EmbeddingModel):
    """The base case of contrastive learning: one net, pairs of images, a margin.

    The energy of two views is the squared distance of their embeddings. Training pulls
    it down for two of one kind and pushes it up for two of different kinds until a
    margin is kept: absolutely (`loss="margin"`,
    `kc.losses.in_batch_margin_contrastive`) or relative to the positive
    (`loss="triplet"`, `kc.losses.triplet`). Every view is an anchor, compared with all
    other views of the global batch.

        encoder = kc.encoders.create("convnet", (32, 32, 3))
        model = kc.models.Siamese(encoder, kc.augment.simclr(32), pairs="labels")
        model.compile(keras.optimizers.Adam(1e-3))
        model.fit(kc.data.batches(kc.data.load("cifar10", "train"), 256), epochs=10)

    With "l2" the net can lower the loss by making embeddings shorter or longer, which
    ranks no pair anew; watch `embedding_norm`. With "cosine", the distance on the unit
    sphere, it cannot.

    Sources: Hadsell et al. 2006, "Dimensionality Reduction by Learning an Invariant
    Mapping"; Schroff et al. 2015 (https://arxiv.org/abs/1503.03832).

    Args:
        encoder: Trunk, images in [0, 1] to features `(batch, features)`. It is trained
            in place.
        augment: Layer that makes a view of an image batch, such as
            `kc.augment.simclr(32)`; None when the dataset brings ready views.
        loss: "margin" or "triplet".
        pairs: What is of one kind: "views", the two of an image, or "labels", all
            those of a class, for which the dataset must have integer labels.
        distance: "cosine", with `d^2 = 2 - 2 cos`, or "l2".
        margin: Above 0; None takes 1.0 for "margin", of a distance, and 0.2 for
            "triplet", of a squared one.
        mining: Which triplets: "semi_hard", "hard" or "all". The margin loss takes
            every pair and does not read it.
        projection_dim: Size of the embedding that a head of two layers makes of the
            features; None compares the features themselves.
        seed: Seed of the views; None draws one.
        **kwargs: `name`.

    Raises:
        TypeError: If `encoder` or `augment` is not a Keras layer.
        ValueError: If a name is unknown or a number out of its range; in `fit`, if
            labels are needed and missing.
    """

    def __init__(
        self,
        encoder: keras.Model,
        augment: keras.layers.Layer | None = None,
        loss: str = "margin",
        pairs: str = "views",
        distance: str = "cosine",
        margin: float | None = None,
        mining: str = "semi_hard",
        projection_dim: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(encoder, augment, seed=seed, **kwargs)
        for argument, value, known in (
            ("loss", loss, _LOSSES),
            ("pairs", pairs, _KINDS),
        ):
            if value not in known:
                raise ValueError(
                    f"`{argument}` must be one of {', '.join(known)}. "
                    f"Received: {value!r}"
                )
        self.loss_name, self.pairs = loss, pairs
        self.distance = check_distance(distance)
        self.margin = check_margin(_MARGINS[loss] if margin is None else margin)
        self.mining = check_mining(mining)
        self.projection_dim = projection_dim
        self.projection = (
            keras.layers.Identity(name="projection_head")
            if projection_dim is None
            else projection_head(self.feature_dim, projection_dim)
        )
        if pairs == "labels":
            self.features = (*self.features, "label")
        self.length = keras.metrics.Mean(name="embedding_norm")
        self.built = True

    def check_spec(self, spec: dict[str, Any]) -> None:
        """Stops before the first step at missing labels and at unfit views."""
        super().check_spec(spec)
        if self.pairs == "labels":
            _check_labels(spec)

    def embed(self, views: tuple[tf.Tensor, ...], training: bool) -> tf.Tensor:
        """Returns the embeddings of all views, one view after the other."""
        features = self.encoder(tf.concat(views, axis=0), training=training)
        return self.projection(features, training=training)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Pulls like pairs together, pushes unlike pairs up to the margin."""
        views = self.views(data, step=self.step)
        with tf.GradientTape() as tape:
            loss = self.contrast(self.embed(views, training=True), data)
            scaled_loss = self.scaled(loss)
        self.minimise(tape, scaled_loss)
        return self.results()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Computes the loss and the metrics in inference mode."""
        views = self.views(data, step=-1)
        self.contrast(self.embed(views, training=False), data)
        return self.results()

    def contrast(self, z: tf.Tensor, data: Any) -> tf.Tensor:
        """Returns this replica's mean loss against the global batch; records metrics.

        Args:
            z: Embeddings of both views, `(2 batch, dim)`.
            data: The batch that they are of, as `fit` takes it.
        """
        batch = select(data, self.features)
        if self.pairs == "labels":
            _check_labels(batch)
        rows = z.shape[0] or tf.shape(z)[0]
        kinds = tf.tile(_KINDS[self.pairs](batch, rows // 2), [2])
        # A replica's rows stay together, and so begin at its number times their count.
        everyone = all_gather(z), all_gather(kinds)
        offset = replica_index() * rows
        pairs = compare(z, kinds, self.distance, everyone, offset)
        pairs = pairs._replace(one_positive=self.pairs == "views")
        losses = _LOSSES[self.loss_name](pairs, self.margin, self.mining)
        loss = tf.reduce_mean(losses)
        self.loss_mean.update_state(loss)
        self.accuracy.update_state(_nearest_is_alike(pairs))
        self.length.update_state(tf.norm(tf.cast(z, tf.float32), axis=1))
        self.watch(everyone[0])
        return loss

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "loss": self.loss_name,
            "pairs": self.pairs,
            "distance": self.distance,
            "margin": self.margin,
            "mining": self.mining,
            "projection_dim": self.projection_dim,
        }


def _nearest_is_alike(pairs: Comparison) -> tf.Tensor:
    """Whether each anchor's nearest other is of its kind, 1.0 or 0.0, `(batch,)`."""
    others = tf.where(pairs.positive | pairs.negative, pairs.squared, float("inf"))
    nearest = tf.argmin(others, axis=1)
    return tf.cast(tf.gather(pairs.positive, nearest, batch_dims=1), tf.float32)


def _check_labels(batch: dict[str, Any]) -> None:
    """Stops at a batch, or its specs, without one integer label an image."""
    if "label" not in batch:
        raise ValueError(
            '`x` must hold labels when the model has `pairs="labels"`: batches of '
            "(images, labels) or a dictionary with 'label'. "
            f"Received: a batch with {sorted(batch)}"
        )
    label = batch["label"]
    if label.shape.rank != 1 or not tf.as_dtype(label.dtype).is_integer:
        raise ValueError(
            "`x` must hold one integer label an image, of shape (batch,). "
            f"Received: labels of shape {label.shape} and dtype {label.dtype}"
        )
