"""An energy at a temperature: hot is flat, cold is steep."""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.energies.energy import Energy


@keras.saving.register_keras_serializable(package="keras_contrastive")
class TemperedEnergy(Energy):
    """An energy over a temperature; `energy / T` and `factor * energy` make one.

        E_T(x) = E(x) / T

    Scores and flips are divided too, so the energy keeps its closed form.

    Args:
        energy: What is tempered.
        temperature: T, above 0.
        **kwargs: `name`, `dtype`; the dtype is the energy's unless given.

    Attributes:
        temperature: What the innermost energy was divided by in all: T times that of
            `energy`. A likelihood at another one than 1 is another model's.

    Raises:
        TypeError: If `energy` is no energy.
        ValueError: If `temperature` is not a finite number above 0.
    """

    def __init__(self, energy: Energy, temperature: float, **kwargs: Any):
        if not isinstance(energy, Energy):
            raise TypeError(f"`energy` must be an energy. Received: {energy!r}")
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(
                "`temperature` must be a finite number above 0. "
                f"Received: {temperature}"
            )
        kwargs["dtype"] = kwargs.get("dtype") or energy.compute_dtype
        super().__init__(**kwargs)
        self.energy = energy
        self.domain = energy.domain
        self.event_shape = energy.event_shape
        self.temperature = temperature * energy.temperature
        self._divisor = temperature
        self.built = True

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the energy of each point, `(batch,)`."""
        return self._over(self.energy(x, training=training))

    def energy_and_score(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns energies `(batch,)` and scores `(batch, ...)` of one evaluation."""
        energies, scores = self.energy.energy_and_score(self.points(x))
        return self._over(energies), self._over(scores)

    def flip_differences(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the energy's differences over T, `(batch, d)`."""
        return self._over(self.energy.flip_differences(self.points(x)))

    def site_differences(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None:
        """Returns a function of bits and a site to D_i, `(batch,)`; see `Energy`."""
        difference = self.energy.site_differences()
        if difference is None:
            return None
        return lambda x, site: self._over(difference(x, site))

    def _over(self, values: tf.Tensor) -> tf.Tensor:
        return tf.cast(values, self.compute_dtype) / self._divisor

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "energy": keras.saving.serialize_keras_object(self.energy),
            "temperature": self._divisor,
        }
