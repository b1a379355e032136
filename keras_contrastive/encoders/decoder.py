"""Decoders: features back to points."""

import math

import keras

from keras_contrastive.encoders.batch_norm import BatchNormalization

DECODERS = ("mlp", "convnet")
# Of "convnet", by default: channels beside the image and at most, doublings at least,
# and the side that they begin with at most, which the first dense layer has to fill.
_LEAST, _MOST, _DOUBLINGS, _SIDE = 32, 128, 3, 8


def create_decoder(
    name: str,
    feature_dim: int,
    output_shape: tuple[int, ...],
    units: tuple[int, ...] | None = None,
    filters: tuple[int, ...] | None = None,
) -> keras.Model:
    """Builds a decoder, from features to points before an activation.

    Args:
        name: "mlp", dense layers with ReLU; or "convnet", which doubles the side of an
            image by transposed 4x4 convolutions of stride 2 with batch norm and ReLU,
            as often as the side can be halved and `filters` has entries.
        feature_dim: Size of the features.
        output_shape: Of a point; `(height, width, channels)` for "convnet".
        units: Widths of the hidden layers of "mlp"; None: one as wide as the features.
        filters: Channels after each doubling of "convnet"; None: 32 beside the image
            and twice as many at each half of its side, 128 at most; three doublings,
            and more until what they begin with is 8 pixels wide or has an odd side.

    Returns:
        A functional Keras model, `(batch, feature_dim)` to `(batch, *output_shape)`.

    Raises:
        ValueError: If the name is not known, or a size is not positive.
    """
    if name not in DECODERS:
        raise ValueError(f"`name` must be one of {list(DECODERS)}. Received: {name!r}")
    sizes = (feature_dim, *output_shape)
    if len(sizes) < 2 or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise ValueError(
            "`feature_dim` and `output_shape` must be positive integers. "
            f"Received: {feature_dim!r} and {output_shape!r}"
        )
    if name == "convnet" and len(output_shape) != 3:
        raise ValueError(
            "`output_shape` of 'convnet' must be (height, width, channels). "
            f"Received: {output_shape}"
        )
    inputs = keras.Input([feature_dim], name="features")
    if name == "mlp":
        x = inputs
        for width in (feature_dim,) if units is None else units:
            x = keras.layers.Dense(width, "relu", kernel_initializer="he_normal")(x)
        x = keras.layers.Dense(math.prod(output_shape))(x)
        outputs = keras.layers.Reshape(output_shape)(x)
    else:
        outputs = _convnet(inputs, output_shape, filters)
    return keras.Model(inputs, outputs, name=f"{name}_decoder")


def _filters_for(side: int) -> tuple[int, ...]:
    """Returns the channels after each doubling up to a side, by default."""
    doublings = max(_DOUBLINGS, math.ceil(math.log2(side / _SIDE)))
    return tuple(min(_LEAST * 2**i, _MOST) for i in reversed(range(doublings)))


def _convnet(inputs, output_shape: tuple[int, ...], filters: tuple[int, ...] | None):
    height, width, channels = output_shape
    filters = _filters_for(max(height, width)) if filters is None else filters
    doublings = 0
    while doublings < len(filters) and not (height % 2 or width % 2):
        height, width, doublings = height // 2, width // 2, doublings + 1
    filters = filters[len(filters) - doublings :]
    first = 2 * filters[0] if filters else _LEAST
    x = keras.layers.Dense(height * width * first, use_bias=False)(inputs)
    x = keras.layers.Reshape([height, width, first])(x)
    x = keras.layers.ReLU()(BatchNormalization()(x))
    for number in filters:
        # A kernel that is a multiple of the stride leaves no checkerboard.
        x = keras.layers.Conv2DTranspose(
            number, 4, strides=2, padding="same", use_bias=False
        )(x)
        x = keras.layers.ReLU()(BatchNormalization()(x))
    return keras.layers.Conv2D(channels, 3, padding="same")(x)
