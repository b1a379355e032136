"""Trunks that others built: keras.applications and KerasHub."""

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_contrastive.encoders.stock_batch_norm import stock_batch_norms


def from_backbone(
    model: keras.Model,
    pixel_range: tuple[float, float] = (0.0, 255.0),
    synchronized: bool | None = None,
    preprocess: Callable | None = None,
) -> keras.Model:
    """Wraps a backbone so that it takes images in [0, 1] and gives pooled features.

    A backbone whose output is a map is average pooled; one whose output is a
    dictionary of maps (KerasHub's pyramids) gives its last. What comes before it, such
    as the means of ImageNet's channels, becomes part of the trunk:

        resnet = keras.applications.ResNet50(include_top=False, weights="imagenet")
        preprocess = keras.applications.resnet.preprocess_input
        trunk = from_backbone(resnet, preprocess=preprocess)

        trunk = from_backbone(
            keras_hub.models.Backbone.from_preset("resnet_18_imagenet"),
            preprocess=keras_hub.layers.ImageConverter.from_preset(
                "resnet_18_imagenet", image_size=None
            ),
        )

    Args:
        model: A functional Keras model with one image input, of a fixed or of any
            size, such as `keras.applications.ResNet50(include_top=False,
            weights=None, input_shape=(64, 64, 3))`.
        pixel_range: What the backbone, or `preprocess`, takes for black and white. All
            of `keras.applications` that scale by a layer of their own, and all
            `preprocess_input`, take 0 to 255.
        synchronized: What the backbone's batch norm layers are set to: whether they
            normalise over the batch of all replicas. None: True where a strategy of
            several replicas is in scope, else they stay as they are. A model with
            `chunk_size` needs False there.
        preprocess: Layer or function from images in `pixel_range` to what the backbone
            takes, made of Keras's operations: the `preprocess_input` beside a net of
            `keras.applications`, a KerasHub `ImageConverter`. None: nothing.

    Returns:
        A model from `(batch, height, width, channels)` in [0, 1] to
        `(batch, features)`. It shares the weights of `model`.

    Raises:
        TypeError: If `model` is not a Keras model with one image input.
        ValueError: If its output is neither pooled features nor a map.
    """
    shape = getattr(model, "input_shape", None)
    if isinstance(shape, dict) and len(shape) == 1:
        shape = next(iter(shape.values()))
    if not isinstance(model, keras.Model) or not (
        isinstance(shape, tuple) and len(shape) == 4
    ):
        raise TypeError(
            "`model` must be a functional Keras model with one image input of shape "
            f"(batch, height, width, channels). Received: {type(model).__name__} with "
            f"input shape {shape}"
        )
    if synchronized is None and tf.distribute.get_strategy().num_replicas_in_sync > 1:
        synchronized = True
    if synchronized is not None:
        for layer in stock_batch_norms(model):
            layer.synchronized = synchronized
    low, high = pixel_range
    inputs = keras.Input(shape[1:], name="image")
    # In float32, as bfloat16 does not tell 124 from a mean of 123.7.
    images = keras.layers.Rescaling(high - low, offset=low, dtype="float32")(inputs)
    outputs = model(images if preprocess is None else preprocess(images))
    if isinstance(outputs, dict):
        outputs = list(outputs.values())[-1]
    if len(outputs.shape) == 4:
        outputs = keras.layers.GlobalAveragePooling2D()(outputs)
    if len(outputs.shape) != 2:
        raise ValueError(
            "`model` must give pooled features (batch, features) or a map "
            f"(batch, height, width, channels). Received: output shape {outputs.shape}"
        )
    return keras.Model(inputs, outputs, name=f"{model.name}_encoder")
