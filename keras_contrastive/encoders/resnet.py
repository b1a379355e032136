"""Residual networks with the stems and widths that the papers compare."""

from collections.abc import Callable

import keras

from keras_contrastive.encoders.batch_norm import BatchNormalization
from keras_contrastive.encoders.conv2d import Conv2D

_BLOCKS = {
    "resnet18": ("basic", (2, 2, 2, 2)),
    "resnet34": ("basic", (3, 4, 6, 3)),
    "resnet50": ("bottleneck", (3, 4, 6, 3)),
}
_STEMS = ("cifar", "imagenet")


def resnet(
    kind: str,
    input_shape: tuple[int, int, int],
    stem: str | None = None,
    width: float = 1,
    name: str | None = None,
) -> keras.Model:
    """ResNet-18, -34 or -50 with pooled features.

    The stride of a bottleneck is in its 3x3 convolution and the last normalisation of
    each block starts at zero, as in SimCLR's and MoCo's trunks.

    Source: He et al. 2015 (https://arxiv.org/abs/1512.03385); the zero start: Goyal
    et al. 2017 (https://arxiv.org/abs/1706.02677), section 5.1; the CIFAR stem:
    SimCLR (https://arxiv.org/abs/2002.05709), appendix B.9.

    Args:
        kind: "resnet18", "resnet34" or "resnet50".
        input_shape: `(height, width, channels)`.
        stem: "cifar" for one 3x3 convolution of stride 1, "imagenet" for a 7x7 of
            stride 2 and a pooling; None takes "cifar" below 64 pixels.
        width: Factor on every number of channels; `64 width` must be whole, so that
            0.25 is a quarter of the net's filters.
        name: Name of the model.

    Returns:
        A model from `(batch, height, width, channels)` in [0, 1] to
        `(batch, 512 width)`, or `(batch, 2048 width)` for ResNet-50.

    Raises:
        ValueError: If the kind, the stem or the width is not known.
    """
    if kind not in _BLOCKS:
        raise ValueError(f"`kind` must be one of {list(_BLOCKS)}. Received: {kind!r}")
    if stem is None:
        stem = "cifar" if min(input_shape[:2]) < 64 else "imagenet"
    if stem not in _STEMS:
        raise ValueError(f"`stem` must be one of {_STEMS}. Received: {stem!r}")
    if not width > 0 or 64 * width % 1:
        raise ValueError(
            "`width` must be above 0, and 64 of it a whole number of filters. "
            f"Received: {width!r}"
        )
    filters = int(64 * width)
    block_kind, depths = _BLOCKS[kind]
    block = _basic_block if block_kind == "basic" else _bottleneck_block
    inputs = keras.Input(input_shape, name="image")
    if stem == "cifar":
        x = _normalised(inputs, filters, 3, 1)
    else:
        x = _normalised(inputs, filters, 7, 2)
        x = keras.layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for stage, depth in enumerate(depths):
        for index in range(depth):
            stride = 2 if stage > 0 and index == 0 else 1
            x = block(x, filters * 2**stage, stride)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, x, name=name or kind)


def _normalised(
    x: keras.KerasTensor,
    channels: int,
    kernel: int,
    stride: int = 1,
    activation: Callable | None = keras.activations.relu,
    gamma: str = "ones",
) -> keras.KerasTensor:
    if stride > 1 and kernel > 1:
        # Keras's "same" pads at the end alone when the stride is 2; the papers' nets
        # pad both sides.
        x = keras.layers.ZeroPadding2D(kernel // 2)(x)
        padding = "valid"
    else:
        padding = "same"
    x = Conv2D(
        channels,
        kernel,
        strides=stride,
        padding=padding,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(
            2.0, mode="fan_out", distribution="untruncated_normal"
        ),
    )(x)
    x = BatchNormalization(gamma_initializer=gamma)(x)
    return x if activation is None else keras.layers.Activation(activation)(x)


def _joined(x, shortcut, stride: int) -> keras.KerasTensor:
    if stride > 1 or shortcut.shape[-1] != x.shape[-1]:
        shortcut = _normalised(shortcut, x.shape[-1], 1, stride, activation=None)
    return keras.layers.ReLU()(keras.layers.Add()([x, shortcut]))


def _basic_block(x, channels: int, stride: int) -> keras.KerasTensor:
    inner = _normalised(x, channels, 3, stride)
    inner = _normalised(inner, channels, 3, activation=None, gamma="zeros")
    return _joined(inner, x, stride)


def _bottleneck_block(x, channels: int, stride: int) -> keras.KerasTensor:
    inner = _normalised(x, channels, 1)
    inner = _normalised(inner, channels, 3, stride)
    inner = _normalised(inner, 4 * channels, 1, activation=None, gamma="zeros")
    return _joined(inner, x, stride)
