"""Features of clean images under a trunk in inference mode."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .batches import check_unit_range, clean_batches, examples, has_labels


class FeatureExtractor:
    """A trunk in inference mode, traced once for all the calls to come.

    The layer is called with `training=False` on images that nothing augments: its
    weights and its batch-norm statistics stay as they are, and later changes of
    them show in later calls.

    Args:
        encoder: A Keras layer or model, a reloaded SavedModel layer included, from
            images `(batch, height, width, channels)` to features `(batch, dim)`.
        batch_size: Images a batch, for data that is not in batches yet.
        image_size: Side in pixels to resize the images to; None leaves them.

    Raises:
        TypeError: If `encoder` is not a Keras layer.
        ValueError: If a size is below 1.
    """

    def __init__(
        self,
        encoder: keras.Layer,
        batch_size: int = 256,
        image_size: int | None = None,
    ):
        if not isinstance(encoder, keras.Layer):
            raise TypeError(
                "`encoder` must be a Keras layer or model. "
                f"Received: {type(encoder).__name__}"
            )
        for name, value in (("batch_size", batch_size), ("image_size", image_size)):
            if value is not None and value < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {value}")
        self.encoder = encoder
        self.batch_size = batch_size
        self.image_size = image_size
        self._traced: dict[tuple[int, ...], Callable] = {}

    def __call__(self, images: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns features `(n, dim)` float32 and labels `(n,)` or None, in order.

        Args:
            images: As for `extract_features`.

        Raises:
            TypeError: For pixels that are neither uint8 nor floats.
            ValueError: For images that the encoder cannot take, an empty dataset,
                or features that are not `(batch, dim)`.
        """
        dataset = examples(images)
        labelled = has_labels(dataset)
        features, labels = [], []
        for batch in clean_batches(dataset, self.batch_size, self.image_size):
            check_unit_range(batch["image"])
            features.append(self._features(batch["image"]).numpy())
            if labelled:
                labels.append(batch["label"].numpy())
        if not features:
            raise ValueError("The dataset must hold images. Received: none")
        return np.concatenate(features), np.concatenate(labels) if labelled else None

    def of_clean(self, images: np.ndarray) -> np.ndarray:
        """Returns features `(n, dim)` float32 of images that are ready and in memory.

        Nothing is checked and no pipeline is built, which for a few hundred small
        images would take longer than the trunk.

        Args:
            images: `(n, height, width, channels)` float32 in [0, 1], of the encoder's
                size.
        """
        starts = range(0, len(images), self.batch_size)
        batches = (images[start : start + self.batch_size] for start in starts)
        return np.concatenate([self._features(tf.constant(x)).numpy() for x in batches])

    def _features(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the features `(batch, dim)` of one batch."""
        shape = tuple(images.shape[1:])
        if shape not in self._traced:
            check_image_shape(self.encoder, shape)
            # The batch stays open in the signature: a short last one fits it.
            signature = [tf.TensorSpec((None, *shape), tf.float32)]
            self._traced[shape] = tf.function(self._inferred, signature)
        return self._traced[shape](images)

    def _inferred(self, images: tf.Tensor) -> tf.Tensor:
        features = self.encoder(images, training=False)
        if not tf.is_tensor(features) or features.shape.rank != 2:
            raise ValueError(
                "`encoder` must return pooled features of shape (batch, dim). "
                f"Received: {features}"
            )
        return tf.cast(features, tf.float32)


def check_image_shape(encoder: keras.Layer, shape: tuple[int | None, ...]) -> None:
    """Raises a ValueError if the encoder states another image shape.

    Args:
        encoder: A layer with an `input_shape`, as Keras's functional models, or an
            `image_shape`, as reloaded encoders; any other passes.
        shape: `(height, width, channels)`.
    """
    stated = stated_shape(encoder)
    if stated is None:
        return
    if any(None not in (a, b) and a != b for a, b in zip(stated, shape, strict=True)):
        raise ValueError(
            f"Images must have the encoder's shape {stated}; `image_size` "
            f"resizes them, and leaves their channels. Received: images of {shape}"
        )


def stated_shape(encoder: keras.Layer) -> tuple[int | None, ...] | None:
    """Returns the `(height, width, channels)` that a layer says it takes, or None."""
    stated = getattr(encoder, "image_shape", None)
    if stated is None:
        stated = getattr(encoder, "input_shape", None)
        stated = stated[1:] if isinstance(stated, tuple) else ()
    return tuple(stated) if len(stated) == 3 else None


def extract_features(
    encoder: keras.Layer,
    images: Any,
    batch_size: int = 256,
    image_size: int | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the features of clean images, in the order of the images.

    The encoder runs in inference mode and is left as it was.

    Args:
        encoder: A Keras layer or model, a reloaded SavedModel layer included, from
            images `(batch, height, width, channels)` to features `(batch, dim)`.
        images: A dataset of `{"image", "label", ...}`, pairs or bare images, one by
            one or in batches; or an array `(n, height, width, channels)`; or a pair
            `(images, labels)` of arrays. uint8, or floats in [0, 1]; uint8 is
            divided by 255.
        batch_size: Images a batch, for data that is not in batches yet.
        image_size: Side in pixels to resize to (bilinear, antialiased); None leaves
            the images as they are.

    Returns:
        Features `(n, dim)` float32, and labels `(n,)`, or None where there are none.

    Raises:
        TypeError: If `encoder` is not a Keras layer, or for pixels that are neither
            uint8 nor floats.
        ValueError: For floats outside [0, 1], NaN, images that the encoder cannot
            take, an empty or endless dataset, or features that are not
            `(batch, dim)`.
    """
    return FeatureExtractor(encoder, batch_size, image_size)(images)
