"""Keras's own batch norm, as in nets that others built."""

import keras

from keras_contrastive.encoders.batch_norm import BatchNormalization


def stock_batch_norms(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns the batch norm layers of a net that are Keras's own."""
    return [
        found
        for found in layer._flatten_layers()
        if isinstance(found, keras.layers.BatchNormalization)
        and not isinstance(found, BatchNormalization)
    ]


def check_splittable(layer: keras.layers.Layer, groups: int) -> int:
    """Returns `groups`, after checking that a net's batch norm can be split so.

    Args:
        layer: A layer or model.
        groups: Number of groups, for `split_statistics`.

    Raises:
        ValueError: If `groups` is below 1, or above 1 where the net has Keras's own
            batch norm.
    """
    foreign = [norm.name for norm in stock_batch_norms(layer)]
    if groups < 1 or (groups > 1 and foreign):
        raise ValueError(
            "`batch_norm_groups` must be at least 1, and 1 where a net has Keras's own "
            "batch norm layers, which cannot be split. "
            f"Received: {groups}, with {foreign}"
        )
    return groups
