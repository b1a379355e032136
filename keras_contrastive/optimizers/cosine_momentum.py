"""The momentum of a key encoder over training: from its start to 1 along a cosine."""

import math
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="keras_contrastive")
class CosineMomentum(keras.optimizers.schedules.LearningRateSchedule):
    """Raises a momentum from `base` to 1 along half a cosine.

        m(step) = 1 - (1 - base) (1 + cos(pi step / steps)) / 2

    and 1 after the last step. For the `momentum` of `kc.models.MoCo` and `MoCoV3`.

    Source: BYOL (https://arxiv.org/abs/2006.07733), section 3.2; as MoCo v3 has it
    (https://arxiv.org/abs/2104.02057), appendix.

    Args:
        base: The momentum at the start, in [0, 1).
        steps: Steps of the whole training, at least 1.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self, base: float, steps: int):
        super().__init__()
        if not 0 <= base < 1:
            raise ValueError(f"`base` must be in [0, 1). Received: {base}")
        if steps < 1:
            raise ValueError(f"`steps` must be at least 1. Received: {steps}")
        self.base = base
        self.steps = steps

    def __call__(self, step: Any) -> tf.Tensor:
        """Returns the momentum after `step` steps, a float32 scalar."""
        share = tf.minimum(tf.cast(step, tf.float32) / self.steps, 1.0)
        return 1 - (1 - self.base) * (1 + tf.cos(math.pi * share)) / 2

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"base": self.base, "steps": self.steps}
