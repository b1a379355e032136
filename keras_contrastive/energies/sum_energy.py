"""The sum of energies: what all of them find likely."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.energies.energy import Energy


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SumEnergy(Energy):
    """Sum of energies, the product of their densities; `a + b` makes one.

        E(x) = sum_k E_k(x)

    Scores and flips are sums too, so each part keeps its closed form. The temperature
    is that of the parts if they have one in common, else 1: the sum is then a model of
    its own.

    Source: Hinton 2002, "Training Products of Experts by Minimizing Contrastive
    Divergence".

    Args:
        energies: At least one, all over points of one kind and shape.
        **kwargs: `name`, `dtype`; the dtype is the first part's unless given.

    Raises:
        TypeError: If one of them is no energy.
        ValueError: If there is none, or they do not share a domain and event shape.
    """

    def __init__(self, energies: Sequence[Energy], **kwargs: Any):
        energies = list(energies)
        if not energies:
            raise ValueError("`energies` must hold at least one. Received: none")
        for energy in energies:
            if not isinstance(energy, Energy):
                raise TypeError(f"`energies` must hold energies. Received: {energy!r}")
        kwargs["dtype"] = kwargs.get("dtype") or energies[0].compute_dtype
        super().__init__(**kwargs)
        shapes = {e.event_shape for e in energies if e.event_shape is not None}
        if len({energy.domain for energy in energies}) > 1 or len(shapes) > 1:
            raise ValueError(
                "`energies` must share a domain and an event shape. Received: "
                f"{[(e.domain, e.event_shape) for e in energies]}"
            )
        self.energies = energies
        self.domain = energies[0].domain
        self.event_shape = next(iter(shapes), None)
        temperatures = {energy.temperature for energy in energies}
        self.temperature = temperatures.pop() if len(temperatures) == 1 else 1.0
        self.built = True

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the energy of each point, `(batch,)`."""
        return self._total([energy(x, training=training) for energy in self.energies])

    def energy_and_score(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns energies `(batch,)` and scores `(batch, ...)` of one evaluation."""
        x = self.points(x)
        both = [energy.energy_and_score(x) for energy in self.energies]
        energies, scores = zip(*both, strict=True)
        return self._total(energies), self._total(scores)

    def flip_differences(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the parts' differences, summed, `(batch, d)`."""
        x = self.points(x)
        return self._total([energy.flip_differences(x) for energy in self.energies])

    def _total(self, parts: Sequence[tf.Tensor]) -> tf.Tensor:
        return tf.add_n([tf.cast(part, self.compute_dtype) for part in parts])

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        parts = [keras.saving.serialize_keras_object(e) for e in self.energies]
        return {**super().get_config(), "energies": parts}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SumEnergy":
        """Rebuilds the sum and its parts."""
        parts = map(keras.saving.deserialize_keras_object, config["energies"])
        return cls(**{**config, "energies": list(parts)})
