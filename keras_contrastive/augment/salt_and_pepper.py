"""Numbers that jump to the lowest or to the highest value."""

import math
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.augment.corruption import Corruption, check_rate, numbers_of


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SaltAndPepper(Corruption):
    """Sets each number, with one probability, to a lowest or a highest value.

    Which of the two is a fair coin's choice.

    Source: Vincent et al. 2010, "Stacked Denoising Autoencoders", section 3.

    Args:
        rate: Probability of being set, in [0, 1].
        low: Pepper.
        high: Salt, above `low`.
        clip: Whether to cut the result off to [0, 1].
        **kwargs: See `StatelessAugmentation`.

    Raises:
        ValueError: If `rate` is not in [0, 1], or `low` is not below `high`.
    """

    def __init__(
        self,
        rate: float,
        low: float = 0.0,
        high: float = 1.0,
        clip: bool = False,
        **kwargs: Any,
    ):
        super().__init__(clip, **kwargs)
        self.rate = check_rate(rate)
        if not -math.inf < low < high < math.inf:
            raise ValueError(
                "`low` must be finite and below `high`. "
                f"Received: low={low}, high={high}"
            )
        self.low = float(low)
        self.high = float(high)

    def draw(
        self, seed: tf.Tensor, count: tf.Tensor | int, images: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Draws `number`, as the points, uniform in [0, 1)."""
        return {"number": _seeded.uniform([count, *numbers_of(images)], seed)}

    def corrupt(self, x: tf.Tensor, drawn: dict[str, tf.Tensor]) -> tf.Tensor:
        """Sets what is below the rate: the lower half to salt, the upper to pepper."""
        number = drawn["number"]
        spice = tf.where(number < self.rate / 2, self.high, self.low)
        return tf.where(number < self.rate, spice, x)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "low": self.low,
            "high": self.high,
        }
