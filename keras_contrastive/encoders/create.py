"""Trunks by name."""

import functools
from typing import Any

import keras

from keras_contrastive.encoders.convnet import convnet
from keras_contrastive.encoders.mlp import mlp
from keras_contrastive.encoders.resnet import resnet

_MAKERS = {
    "convnet": convnet,
    "resnet18": functools.partial(resnet, "resnet18"),
    "resnet34": functools.partial(resnet, "resnet34"),
    "resnet50": functools.partial(resnet, "resnet50"),
    "mlp": mlp,
}
NAMES = tuple(_MAKERS)


def create(name: str, input_shape: tuple[int, ...], **options: Any) -> keras.Model:
    """Builds a trunk: images in [0, 1] to pooled features.

    Args:
        name: "convnet", "resnet18", "resnet34", "resnet50" or "mlp".
        input_shape: `(height, width, channels)`; any shape for "mlp".
        **options: Arguments of `convnet` (`filters`), `resnet` (`stem`, `width`) or
            `mlp` (`units`, `batch_norm`).

    Returns:
        A functional Keras model.

    Raises:
        ValueError: If the name is not known or the shape is not one of an image.
    """
    if name not in _MAKERS:
        raise ValueError(f"`name` must be one of {list(NAMES)}. Received: {name!r}")
    sizes = tuple(input_shape)
    if not sizes or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise ValueError(
            "`input_shape` must be positive integers without the batch axis. "
            f"Received: {input_shape}"
        )
    if name != "mlp" and len(sizes) != 3:
        raise ValueError(
            f"`input_shape` of {name!r} must be (height, width, channels). "
            f"Received: {input_shape}"
        )
    return _MAKERS[name](sizes, **options)
