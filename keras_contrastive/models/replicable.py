"""Whether several replicas would train a net as one does."""

import keras

from keras_contrastive.encoders.stock_batch_norm import stock_batch_norms


def check_replicable(layer: keras.layers.Layer, replicas: int, chunked: bool) -> None:
    """Stops at a net that several replicas would train otherwise than one.

    Args:
        layer: A trunk.
        replicas: How many replicas step together.
        chunked: Whether it is called in the chunks of a `GradientCache`, of which
            each is normalised by itself, and replicas cannot meet in one.

    Raises:
        ValueError: If Keras's own batch norm is not synchronised, or is and cannot
            be, or if activity is regularised.
    """
    if replicas == 1:
        return
    for norm in stock_batch_norms(layer):
        if norm.synchronized == chunked:
            where = "in chunks" if chunked else "without chunks"
            raise ValueError(
                f"`encoder` must have batch norm with synchronized={not chunked} under "
                f"{replicas} replicas {where}: set it on the layer, or let "
                "`kc.encoders.from_backbone` do so. "
                f"Received: layer {norm.name!r} with synchronized={norm.synchronized}"
            )
    for found in layer._flatten_layers():
        if not chunked and found.activity_regularizer is not None:
            raise ValueError(
                "`encoder` must have no `activity_regularizer` under "
                f"{replicas} replicas, whose added losses Keras keeps in one place "
                "and mixes up. Received: "
                f"layer {found.name!r} with {found.activity_regularizer}"
            )
