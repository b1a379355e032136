"""A classifier: a trunk and a linear head on it, and how the two are trained."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import tensorflow as tf

from keras_contrastive.encoders import weight_levels


@dataclass(frozen=True)
class Classifier:
    """A trunk, a head, and the model of both.

    Attributes:
        trunk: From images to features.
        head: From features to logits.
        model: From images to logits.
    """

    trunk: keras.Layer
    head: keras.Layer
    model: keras.Model

    @classmethod
    def on(cls, trunk: keras.Layer, shape: tf.TensorShape, num_classes: int):
        """Puts a head that starts at zero on a trunk.

        Args:
            trunk: From images `(batch, *shape)` to features `(batch, dim)`.
            shape: Of one image.
            num_classes: Logits of the head.

        Raises:
            ValueError: If the trunk does not return pooled features.
        """
        images = keras.Input(tuple(shape))
        features = trunk(images)
        if len(getattr(features, "shape", ())) != 2:
            raise ValueError(
                "`encoder` must return pooled features of shape (batch, dim). "
                f"Received: {features}"
            )
        head = keras.layers.Dense(
            num_classes, kernel_initializer="zeros", dtype="float32", name="head"
        )
        return cls(trunk, head, keras.Model(images, head(features)))

    @contextlib.contextmanager
    def frozen(self) -> Iterator[keras.Model]:
        """Gives a model of the same layers in which the head alone is trained.

        Within it the trunk has nothing to train and runs in inference mode, batch
        norm and dropout too; after it, what was trainable before is so again.
        """
        flags = [(x, x.trainable) for x in self.trunk._flatten_layers()]
        self.trunk.trainable = False
        images = keras.Input(self.model.input_shape[1:])
        try:
            yield keras.Model(images, self.head(_InInference(self.trunk)(images)))
        finally:
            # From the outside in: a layer passes its own on to those that it holds.
            for layer, trainable in flags:
                layer.trainable = trainable

    def rate_factors(self, decay: float) -> list[float]:
        """Returns a factor for each of `model.trainable_variables`.

        1 for the head, and `decay` to the power n for a weight of which the level is
        n below the head, as `keras_contrastive.encoders.weight_levels` counts.
        """
        levels = weight_levels(self.trunk)
        below = {
            id(weight): max(levels) + 1 - level
            for weight, level in zip(self.trunk.weights, levels, strict=True)
        }
        return [decay ** below.get(id(v), 0) for v in self.model.trainable_variables]


class _InInference(keras.layers.Layer):
    """Calls a layer in inference mode, whatever the mode of the model around."""

    def __init__(self, layer: keras.Layer):
        super().__init__()
        self.layer = layer

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.layer(inputs, training=False)


def copied(encoder: keras.Layer, shape: tf.TensorShape) -> keras.Layer:
    """Returns a layer of the same class, config and weights.

    Raises:
        ValueError: If its config does not make it again.
    """
    # Weights that a layer makes at its first call must be there to be copied.
    image = tf.zeros((1, *shape))
    encoder(image, training=False)
    try:
        other = type(encoder).from_config(encoder.get_config())
        other(image, training=False)
        other.set_weights(encoder.get_weights())
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            "`encoder` cannot be copied from its config, as a reloaded SavedModel "
            "cannot; `copy=False` trains the encoder itself. "
            f"Received: {type(encoder).__name__}"
        ) from error
    return other
