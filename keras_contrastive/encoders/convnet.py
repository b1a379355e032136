"""The small convolutional trunk for comparisons on a CPU."""

from collections.abc import Sequence

import keras

from keras_contrastive.encoders.batch_norm import BatchNormalization
from keras_contrastive.encoders.conv2d import Conv2D


def convnet(
    input_shape: tuple[int, int, int],
    filters: Sequence[int] = (32, 64, 128, 256),
    name: str = "convnet",
) -> keras.Model:
    """Four 3x3 convolutions of stride 2, each with batch norm and ReLU, then pooled.

    Kernels start at a variance of 1 / (3 fan-in), as PyTorch's do: batch norm makes
    the output blind to their length, but the step that a learning rate takes is the
    larger the shorter they are.

    Args:
        input_shape: `(height, width, channels)`.
        filters: Channels of each convolution.
        name: Name of the model.

    Returns:
        A model from `(batch, height, width, channels)` in [0, 1] to
        `(batch, filters[-1])`.
    """
    inputs = keras.Input(input_shape, name="image")
    x = inputs
    for channels in filters:
        x = Conv2D(
            channels,
            3,
            strides=2,
            padding="same",
            use_bias=False,
            kernel_initializer=keras.initializers.VarianceScaling(
                1 / 3, mode="fan_in", distribution="uniform"
            ),
        )(x)
        x = BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, x, name=name)
