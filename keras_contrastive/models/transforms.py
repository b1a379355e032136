"""What PIRL compares an image with, and how the trunk takes it."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

NAMES = ("jigsaw", "rotation")


def make_transform(
    transform: str | keras.layers.Layer, image_size: int, ready: bool
) -> keras.layers.Layer:
    """Returns the layer that transforms an image batch.

    Args:
        transform: "jigsaw", "rotation", or the layer itself.
        image_size: Side of the trunk's images.
        ready: Whether it is given views that are augmented already. The jigsaw then
            cuts and shuffles alone; else it brings its own crop and colours.

    Raises:
        ValueError: If the name is not known.
        TypeError: If it is neither a name nor a layer.
    """
    if isinstance(transform, keras.layers.Layer):
        return transform
    if not isinstance(transform, str):
        raise TypeError(
            f"`transform` must be one of {', '.join(NAMES)} or a Keras layer. "
            f"Received: {transform!r}"
        )
    # Here, because keras-cv is slow to import.
    from keras_contrastive.augment import Jigsaw, QuarterTurn

    if transform == "rotation":
        return QuarterTurn()
    if transform != "jigsaw":
        raise ValueError(
            f"`transform` must be one of {', '.join(NAMES)} or a Keras layer. "
            f"Received: {transform!r}"
        )
    if ready:
        return Jigsaw(image_size, area=(1, 1), flip_rate=0, jitter=None)
    return Jigsaw(image_size)


def trunk_for(encoder: keras.Model, shape: tuple[int, int, int]) -> Callable[..., Any]:
    """Returns the trunk as a function of images of another size than it was built for.

    A convolutional trunk that ends in global pooling takes images of any size, but
    Keras's `__call__` insists on the built one; the model's `call` runs its layers,
    and so shares every weight.

    Args:
        encoder: A built trunk.
        shape: `(height, width, channels)` of what it is to take.

    Raises:
        ValueError: If it does not give its features for that shape.
    """
    if tf.TensorShape([None, *shape]).is_compatible_with(encoder.input_shape):
        return encoder.__call__
    try:
        features = encoder.call(tf.zeros([2, *shape]), training=False)
        found, cause = features.shape, None
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        found, cause = str(error).strip().splitlines()[0], error
    if found != (2, encoder.output_shape[1]):
        raise ValueError(
            "`encoder` must take images of any size, as a convolutional trunk that "
            "ends in global pooling does (and a backbone that was made with "
            f"input_shape=(None, None, 3)), to embed patches of shape {shape}. "
            f"Received: {encoder.name!r}, which was built for {encoder.input_shape} "
            f"and then gave {found}"
        ) from cause
    return encoder.call
