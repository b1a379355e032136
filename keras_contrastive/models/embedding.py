"""What every embedding method shares: a trunk, the views of a batch, their spread."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.distribute import replica_count
from keras_contrastive.losses.cosine import closest, unit
from keras_contrastive.models.base import ContrastiveModel
from keras_contrastive.models.batches import check_batch_size, select
from keras_contrastive.models.gradient_cache import GradientCache
from keras_contrastive.models.replicable import check_replicable
from keras_contrastive.models.views import check_forms, check_view, make_views


class EmbeddingModel(ContrastiveModel):
    """A model that learns a trunk by comparing views.

    Args:
        encoder: Trunk, images in [0, 1] to features `(batch, features)`, trained in
            place.
        augment: Layer that makes a view of an image batch; None when the dataset
            brings ready views.
        seed: Seed of the views; None draws one.
        chunk_size: Images of one view that pass the trunk at once, on each replica;
            None: all. A subclass that takes it makes the `cache`.
        **kwargs: `name`.

    Raises:
        TypeError: If `encoder` or `augment` is not a Keras layer.
        ValueError: If the encoder is not built or gives no feature vectors, or has
            batch norm that the replicas cannot share.
    """

    # How often a step calls the trunk; what its layers add to the loss adds up.
    trunk_calls = 1

    def __init__(
        self,
        encoder: keras.Model,
        augment: keras.layers.Layer | None = None,
        seed: int | None = None,
        chunk_size: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, **kwargs)
        if not isinstance(encoder, keras.layers.Layer):
            raise TypeError(
                "`encoder` must be a Keras model from images to features, as "
                f"`kc.encoders.create` makes. Received: {encoder!r}"
            )
        if augment is not None and not isinstance(augment, keras.layers.Layer):
            raise TypeError(
                "`augment` must be a Keras layer, as `kc.augment.simclr` makes, or "
                f"None. Received: {augment!r}"
            )
        shape = getattr(encoder, "output_shape", None) if encoder.built else None
        if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] is None:
            raise ValueError(
                "`encoder` must be built and give features (batch, features), such "
                "as a functional model that ends in global pooling. Received: output "
                f"shape {shape}"
            )
        check_replicable(encoder, replica_count(), chunked=chunk_size is not None)
        self.encoder = encoder
        self.augment = augment
        self.feature_dim = shape[1]
        self.chunk_size = chunk_size
        self.cache: GradientCache | None = None
        self.loss_mean = keras.metrics.Mean(name="loss")
        self.accuracy = keras.metrics.Mean(name="contrastive_accuracy")
        self.spread = keras.metrics.Mean(name="embedding_std")

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the features of clean images, `(batch, features)`."""
        return self.encoder(images, training=training)

    def views(self, data: Any, step: tf.Tensor | int) -> tuple[tf.Tensor, ...]:
        """Returns the two views of a batch, drawn from (seed, step).

        Args:
            data: A batch as `fit` takes it.
            step: Number of the step; -1 in evaluation, whose views are always drawn
                alike.
        """
        batch, seed = self.checked(data), self.seed_of(step)
        views = make_views(batch, self.augment, seed, compilable=self.jit_compile)
        check_view(self.encoder, views[0].shape)
        return views

    def checked(self, data: Any) -> dict[str, Any]:
        """Returns the features of a batch that the model uses, at least two images."""
        batch = select(data, self.features)
        source = "image" if "image" in batch else "views"
        batch[source] = tf.nest.map_structure(
            lambda images: check_batch_size(images, replica_count()), batch[source]
        )
        return batch

    def seed_of(self, step: tf.Tensor | int, stream: int | None = None) -> tf.Tensor:
        """Returns two integers `(2,)` that are a step's own.

        Args:
            step: Number of the step.
            stream: What is drawn from them; the views take 0 and 1.
        """
        # Of 64 bits, as the input pipeline's: the same seed and step, the same views.
        seed = tf.stack([tf.constant(self.seed, tf.int64), tf.cast(step, tf.int64)])
        return seed if stream is None else _seeded.fold_in(seed, stream)

    def learn(
        self,
        views: tuple[tf.Tensor, ...],
        contrast: Callable[[list[tf.Tensor]], tf.Tensor],
    ) -> None:
        """Takes one optimizer step along a loss of the views' embeddings.

        Args:
            views: What `embed` takes.
            contrast: Returns this replica's mean loss, given what `embed` returned.
        """
        if self.cache is None:
            with tf.GradientTape() as tape:
                scaled_loss = self.scaled(contrast(self.embed(views, training=True)))
            self.minimise(tape, scaled_loss)
            return
        embeddings = self.cache.embed(views)
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            scaled_loss = self.scaled(contrast(embeddings))
        share = self.share(tf.constant(float(self.trunk_calls)))
        variables = self.trainable_variables
        self.apply(
            self.cache.gradients(tape, scaled_loss, embeddings, views, variables, share)
        )

    def check_spec(self, spec: dict[str, Any]) -> None:
        """Stops before the first step at views that the encoder cannot take."""
        check_forms(spec, self.augment)
        if self.augment is None:
            for view in spec["views"]:
                check_view(self.encoder, view.shape)
        else:
            check_view(self.encoder, spec["image"].shape, sized=False)

    def picked(
        self, logits: tf.Tensor, positive: tf.Tensor, temperature: float
    ) -> tf.Tensor:
        """Returns the mean cross entropy of picking the positive; records how often.

        Args:
            logits: Cosine similarities over the temperature, `(batch, candidates)`.
            positive: Column of each row's positive, `(batch,)` int32.
            temperature: Above 0.
        """
        right = closest(logits, positive, temperature)
        self.accuracy.update_state(tf.cast(right, tf.float32))
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(positive, logits)
        )

    def watch(self, embeddings: tf.Tensor) -> None:
        """Records the standard deviation of unit embeddings: the collapse alarm.

        It is about `1 / sqrt(dim)` when they spread over the sphere and 0 when all
        images have become one point.

        Args:
            embeddings: `(batch, dim)`.
        """
        self.spread.update_state(tf.math.reduce_std(unit(embeddings), axis=0))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "augment": keras.saving.serialize_keras_object(self.augment),
        }
