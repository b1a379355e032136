"""What the Keras losses share that compare a batch with itself, in blocks."""

from typing import Any

import keras

from keras_contrastive.losses.cosine import check_temperature
from keras_contrastive.losses.streaming import check_block_size


class BlockwiseLoss(keras.losses.Loss):
    """A Keras loss with a temperature, whose logits may be computed in blocks.

    Args:
        temperature: Above 0.
        block_size: Rows that are compared at once; None: all.
        name: None takes the class's `default_name`.
        **kwargs: `reduction`, `dtype`, as for every Keras loss.

    Raises:
        ValueError: If the temperature or `block_size` is not above 0.
    """

    default_name: str

    def __init__(
        self,
        temperature: float = 0.1,
        block_size: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name or self.default_name, **kwargs)
        self.temperature = check_temperature(temperature)
        self.block_size = check_block_size(block_size)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "block_size": self.block_size,
        }
