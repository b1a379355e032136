"""Networks without batch norm, from a point to one number."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_contrastive.energies.spectral_norm import SpectralNorm


def mlp(
    input_shape: tuple[int, ...],
    units: Sequence[int] = (128, 128),
    activation: str = "swish",
    spectral_norm: bool = False,
    dtype: str = "float32",
    first_scale: float | None = None,
) -> keras.Model:
    """Dense layers over the flattened point.

    Args:
        input_shape: Shape of a point.
        units: Width of each hidden layer.
        activation: Smooth, because chains follow its slope and score matching its
            curvature.
        spectral_norm: Whether each kernel's largest singular value is kept at 1 or
            below.
        dtype: Of the layers. Chains compare energies that differ little, so the global
            policy does not decide it.
        first_scale: Standard deviation of the first kernel at the start, above 0; None:
            Glorot's. In few dimensions a network of Glorot's is too smooth to find
            modes that are narrow beside their distance.

    Returns:
        A model from `(batch, *input_shape)` to `(batch, 1)`.

    Raises:
        ValueError: If `first_scale` is not above 0.
    """
    if first_scale is not None and not 0 < first_scale < float("inf"):
        raise ValueError(
            "`first_scale` must be a finite number above 0, or None. "
            f"Received: {first_scale}"
        )
    inputs = _input(input_shape, dtype)
    x = keras.layers.Flatten(dtype=dtype)(inputs)
    start = {}
    if first_scale is not None:
        start["kernel_initializer"] = keras.initializers.RandomNormal(0.0, first_scale)
    for number, width in enumerate(units):
        options = {} if number else start
        x = _layer(keras.layers.Dense, width, spectral_norm, dtype, **options)(x)
        x = keras.layers.Activation(activation, dtype=dtype)(x)
    return _to_one_number(inputs, x, spectral_norm, dtype, "mlp_energy")


def convnet(
    input_shape: tuple[int, int, int],
    filters: Sequence[int] = (32, 64, 128),
    activation: str = "swish",
    spectral_norm: bool = False,
    dtype: str = "float32",
) -> keras.Model:
    """Convolutions of stride 2 over an image, then a dense layer.

    The kernels are 4 x 4, a multiple of the stride, so that the slope of the energy
    has no checkerboard in it.

    Args:
        input_shape: `(height, width, channels)`.
        filters: Channels of each convolution.
        activation: As of `mlp`.
        spectral_norm: As of `mlp`.
        dtype: As of `mlp`.

    Returns:
        A model from `(batch, height, width, channels)` to `(batch, 1)`.
    """
    inputs = _input(input_shape, dtype)
    x = inputs
    for channels in filters:
        x = _layer(
            keras.layers.Conv2D,
            channels,
            spectral_norm,
            dtype,
            kernel_size=4,
            strides=2,
            padding="same",
        )(x)
        x = keras.layers.Activation(activation, dtype=dtype)(x)
    x = keras.layers.Flatten(dtype=dtype)(x)
    return _to_one_number(inputs, x, spectral_norm, dtype, "convnet_energy")


def _input(shape: tuple[int, ...], dtype: str) -> Any:
    # The model would round finer points to what its input says.
    finer = "float64" if dtype == "float64" else None
    return keras.Input(shape, name="point", dtype=finer)


def _layer(
    kind: type[keras.layers.Layer],
    width: int,
    spectral_norm: bool,
    dtype: str,
    **options: Any,
) -> keras.layers.Layer:
    constraint = SpectralNorm() if spectral_norm else None
    return kind(width, kernel_constraint=constraint, dtype=dtype, **options)


def _to_one_number(
    inputs: Any, x: Any, spectral_norm: bool, dtype: str, name: str
) -> keras.Model:
    outputs = _layer(keras.layers.Dense, 1, spectral_norm, dtype)(x)
    model = keras.Model(inputs, outputs, name=name)
    for layer in model.layers:
        constraint = getattr(layer, "kernel_constraint", None)
        if constraint is not None:
            # The optimizer applies it after an update only; the first needs it too.
            layer.kernel.assign(constraint(layer.kernel))
    return model
