"""Two wells and the barrier between them, which a chain must cross to mix."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive.energies.density import LOG_ROOT_TWO_PI
from keras_contrastive.energies.energy import Energy, check_units


@keras.saving.register_keras_serializable(package="keras_contrastive")
class DoubleWell(Energy):
    """Two wells on the first axis, bowls on all others.

        E(x) = h ( (x_1 / a)^2 - 1 )^2 + 1/2 sum_{i > 1} x_i^2

    The wells are at x_1 = +-a with energy 0, the top between them has energy h: a
    chain at temperature T crosses about every exp(h / T) times it tries.

    Args:
        barrier: h, above 0.
        width: a, above 0.
        dimensions: Number of axes.
        **kwargs: `name`, `dtype`.

    Attributes:
        log_partition: log Z, by quadrature in float64.

    Raises:
        ValueError: If a number is not above 0, or `dimensions` is no integer.
    """

    def __init__(
        self,
        barrier: float = 3.0,
        width: float = 1.0,
        dimensions: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        for name, value in (("barrier", barrier), ("width", width)):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(
                    f"`{name}` must be a finite number above 0. Received: {value}"
                )
        self.barrier = barrier
        self.width = width
        self.dimensions = check_units("dimensions", dimensions)
        self.event_shape = (dimensions,)
        # Equal steps converge faster than any power: the integrand is smooth and ends
        # at exp(-800), where u = x_1 / a is such that h (u^2 - 1)^2 = 800.
        end = math.sqrt(1 + math.sqrt(800 / barrier))
        u = np.linspace(-end, end, 100_001)
        well = np.exp(-barrier * (u**2 - 1) ** 2).sum() * (u[1] - u[0]) * width
        self.log_partition = math.log(well) + (dimensions - 1) * LOG_ROOT_TWO_PI
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the energy of each point, `(batch,)`."""
        wells = self.barrier * ((x[:, 0] / self.width) ** 2 - 1) ** 2
        return wells + tf.reduce_sum(x[:, 1:] ** 2, axis=1) / 2

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "barrier": self.barrier,
            "width": self.width,
            "dimensions": self.dimensions,
        }
