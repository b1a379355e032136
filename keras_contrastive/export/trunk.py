"""What of a model is exported."""

from typing import Any

import keras


def trunk_of(model_or_trunk: Any) -> keras.Model:
    """Returns the trunk of a model, or the trunk that was given.

    Args:
        model_or_trunk: A model with an `encoder`, or a Keras model.

    Raises:
        TypeError: If there is no trunk to export.
        ValueError: If the trunk is not built with one input.
    """
    trunk = getattr(model_or_trunk, "encoder", model_or_trunk)
    if not isinstance(trunk, keras.Model):
        raise TypeError(
            "`model_or_trunk` must be a model with an `encoder`, or a Keras model from "
            f"images to features. Received: {type(model_or_trunk).__name__}"
        )
    shape = trunk.input_shape if trunk.built else None
    if not isinstance(shape, tuple):
        raise ValueError(
            "`model_or_trunk` must be built with one input. Received: input shape "
            f"{shape}"
        )
    return trunk
