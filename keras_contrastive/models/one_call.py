"""Several calls of a trunk as one, so that what its layers add is kept."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


def one_call(
    function: Callable[..., Any], layers: Sequence[keras.layers.Layer]
) -> Callable[..., Any]:
    """Returns a function whose calls of layers all add to their `losses`.

    At each outermost call Keras forgets the losses that the layer added before, such
    as those of activity regularisers: of two views that pass a trunk one after the
    other only the second would count. Within the call of another layer it adds them
    up.

    Args:
        function: Takes a sequence of image batches, and `training`.
        layers: The layers that it calls.

    Returns:
        A function of the same arguments. (No layer, which Keras would save.)
    """
    return _OneCall(function, layers).__call__


class _OneCall(keras.layers.Layer):
    def __init__(self, function: Callable[..., Any], layers: Any):
        # In float32 the images reach the layers as they are.
        super().__init__(dtype="float32", name="one_call")
        self.function = function
        # Found by Keras, which clears their losses where this call begins.
        self.parts = list(layers)
        self.built = True

    def call(self, images: Sequence[tf.Tensor], training: bool = False) -> Any:
        return self.function(images, training)
