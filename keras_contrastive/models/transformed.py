"""What PIRL shares with whoever compares an image with its transformation."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.encoders import projection_head
from keras_contrastive.encoders.heads import patches_head
from keras_contrastive.models.embedding import EmbeddingModel
from keras_contrastive.models.one_call import one_call
from keras_contrastive.models.transforms import make_transform, trunk_for
from keras_contrastive.models.views import check_view, make_views

# Folded into a step's seed; the views take 0 and 1.
_TRANSFORM = 2


class TransformedModel(EmbeddingModel):
    """A trunk with two heads: one for images, one for their transformations.

    Args:
        encoder: Trunk, images in [0, 1] to features `(batch, features)`, trained in
            place.
        augment: Layer that makes a view of an image batch; None when the dataset
            brings two ready views.
        transform: "jigsaw", "rotation", or a layer from images to images of the same
            shape or to patches `(batch, patches, height, width, channels)`.
        projection_dim: Size of the embeddings.
        seed: Seed of all that is drawn; None draws one.
        **kwargs: `name`.

    Raises:
        TypeError: If `encoder`, `augment` or `transform` is not a Keras layer.
        ValueError: If the name is not known, or the encoder does not take what
            `transform` makes.
    """

    def __init__(
        self,
        encoder: keras.Model,
        augment: keras.layers.Layer | None = None,
        transform: str | keras.layers.Layer = "jigsaw",
        projection_dim: int = 128,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(encoder, augment, seed=seed, **kwargs)
        shape = encoder.input_shape
        if len(shape) != 4 or None in shape[1:]:
            raise ValueError(
                "`encoder` must be built for images of one size (height, width, "
                f"channels). Received: input shape {shape}"
            )
        self.projection_dim = projection_dim
        self.transform_name = transform if isinstance(transform, str) else None
        self.transform = make_transform(transform, min(shape[1:3]), augment is None)
        sample = {"image": tf.zeros([2, *shape[1:]])}
        made = make_views(sample, self.transform, tf.constant([0, 0]), count=1)[0]
        # A function, which Keras does not save a second time as it would a layer.
        self.trunk = trunk_for(encoder, tuple(made.shape[-3:]))
        self.embed_both = one_call(
            lambda images, training: self.embed(*images, training=training), [encoder]
        )
        self.image_head = projection_head(
            self.feature_dim, projection_dim, layers=1, name="image_head"
        )
        if made.shape.rank == 5:
            self.transform_head = patches_head(
                self.feature_dim, made.shape[1], projection_dim, name="transform_head"
            )
        else:
            self.transform_head = projection_head(
                self.feature_dim, projection_dim, layers=1, name="transform_head"
            )

    def views(self, data: Any, step: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns each image's view, and its transformation: an image or patches."""
        batch, seed = self.checked(data), self.seed_of(step)
        # A jigsaw crops and colours for itself: it takes the image, not a view of it.
        alone = self.augment is not None and hasattr(self.transform, "brings_crop")
        view, *second = make_views(
            batch, self.augment, seed, 1 if alone else 2, self.jit_compile
        )
        check_view(self.encoder, view.shape)
        source = {"image": second[0] if second else batch["image"]}
        seed = self.seed_of(step, _TRANSFORM)
        made = make_views(source, self.transform, seed, 1, self.jit_compile)
        return view, made[0]

    def embed(
        self, image: tf.Tensor, transformed: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns f of the image and g of its transformation, `(batch, dim)` each."""
        f = self.image_head(self.encoder(image, training=training))
        patches = transformed.shape[1:-3]
        # (batch, patches, height, width, channels) -> one batch for the trunk
        flat = tf.reshape(transformed, [-1, *transformed.shape[-3:]])
        features = self.trunk(flat, training=training)
        features = tf.reshape(features, [-1, *patches, self.feature_dim])
        return f, self.transform_head(features)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        transform = self.transform_name
        if transform is None:
            transform = keras.saving.serialize_keras_object(self.transform)
        return {
            **super().get_config(),
            "transform": transform,
            "projection_dim": self.projection_dim,
        }
