"""A trunk without convolutions, for vectors and small images."""

from collections.abc import Sequence

import keras

from keras_contrastive.encoders.batch_norm import BatchNormalization


def mlp(
    input_shape: tuple[int, ...],
    units: Sequence[int] = (512, 256),
    batch_norm: bool = True,
    name: str = "mlp",
) -> keras.Model:
    """Dense layers with batch norm and ReLU over the flattened input.

    Args:
        input_shape: Shape of one example.
        units: Width of each layer.
        batch_norm: Whether each layer is normalised over the batch.
        name: Name of the model.

    Returns:
        A model from `(batch, *input_shape)` to `(batch, units[-1])`.
    """
    inputs = keras.Input(input_shape, name="image")
    x = keras.layers.Flatten()(inputs)
    for width in units:
        x = keras.layers.Dense(
            width, use_bias=not batch_norm, kernel_initializer="he_normal"
        )(x)
        if batch_norm:
            x = BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    return keras.Model(inputs, x, name=name)
