"""Heads: features to the embedding that the loss compares."""

import keras

from keras_contrastive.encoders.batch_norm import BatchNormalization


def projection_head(
    feature_dim: int,
    projection_dim: int = 128,
    hidden_dim: int | None = None,
    layers: int = 2,
    batch_norm: bool = True,
    last_batch_norm: bool = False,
    last_bias: bool = True,
    name: str = "projection_head",
) -> keras.Model:
    """Dense layers that take features to the space of the loss.

    `layers - 1` hidden layers with batch norm and ReLU, then a linear one. MoCo v1's
    linear head is `layers=1`, SimCLR's `layers=2`, SimCLR v2's `layers=3`.

    Source: SimCLR (https://arxiv.org/abs/2002.05709), section 4.2.

    Args:
        feature_dim: Size of the features.
        projection_dim: Size of the embedding.
        hidden_dim: Width of the hidden layers; None takes `feature_dim`.
        layers: Number of linear layers, 1 to 3.
        batch_norm: Whether hidden layers are normalised over the batch.
        last_batch_norm: Whether the embedding is, too (without a scale and an offset).
        last_bias: Whether the embedding has a bias, where it is not normalised.
        name: Name of the model.

    Returns:
        A model from `(batch, feature_dim)` to `(batch, projection_dim)`.

    Raises:
        ValueError: If a size is not positive or `layers` is not 1, 2 or 3.
    """
    hidden_dim = feature_dim if hidden_dim is None else hidden_dim
    for argument, value in (
        ("feature_dim", feature_dim),
        ("projection_dim", projection_dim),
        ("hidden_dim", hidden_dim),
    ):
        if not isinstance(value, int) or value < 1:
            raise ValueError(
                f"`{argument}` must be a positive integer. Received: {value!r}"
            )
    if layers not in (1, 2, 3):
        raise ValueError(f"`layers` must be 1, 2 or 3. Received: {layers!r}")
    inputs = keras.Input([feature_dim], name="features")
    x = inputs
    for _ in range(layers - 1):
        x = keras.layers.Dense(
            hidden_dim, use_bias=not batch_norm, kernel_initializer=_start()
        )(x)
        if batch_norm:
            x = BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.Dense(
        projection_dim,
        use_bias=last_bias and not last_batch_norm,
        kernel_initializer=_start(),
    )(x)
    if last_batch_norm:
        x = BatchNormalization(center=False, scale=False)(x)
    return keras.Model(inputs, x, name=name)


def patches_head(
    feature_dim: int,
    patches: int,
    projection_dim: int = 128,
    name: str = "patches_head",
) -> keras.Model:
    """Projects the features of each patch alike, concatenates, and projects again.

    Source: PIRL (https://arxiv.org/abs/1912.01991), section 3.

    Args:
        feature_dim: Size of a patch's features.
        patches: Number of patches.
        projection_dim: Size of each patch's projection, and of the embedding.
        name: Name of the model.

    Returns:
        A model from `(batch, patches, feature_dim)` to `(batch, projection_dim)`.

    Raises:
        ValueError: If a size is not positive.
    """
    each = projection_head(feature_dim, projection_dim, layers=1)
    joint = projection_head(patches * projection_dim, projection_dim, layers=1)
    inputs = keras.Input([patches, feature_dim], name="features")
    x = inputs
    for layer in (*each.layers[1:], keras.layers.Flatten(), *joint.layers[1:]):
        x = layer(x)
    return keras.Model(inputs, x, name=name)


def _start() -> keras.initializers.Initializer:
    """Variance 1 / (3 fan-in), as in PyTorch, whose recipes the learning rates are."""
    return keras.initializers.VarianceScaling(
        1 / 3, mode="fan_in", distribution="uniform"
    )
