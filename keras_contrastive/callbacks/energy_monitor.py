"""Watching an energy: where it is low, how its chains move, how old they are."""

import warnings
from typing import Any

import keras
import numpy as np

from keras_contrastive.models import EnergyModel

_STUCK = 0.01


class EnergyWarning(UserWarning):
    """Chains do not move, so that what they push up is not the model's."""


class EnergyMonitor(keras.callbacks.Callback):
    """Adds to the logs of an energy model what tells whether its training is sound.

    - `energy_gap`: mean E(samples) - mean E(data), which stays near 0 while chains
      keep up with the energy; far above, the samples are no match for the data, far
      below, chains found what the data do not have;
    - `held_out_energy` and `held_out_gap`, the same for data that are not trained on:
      well above the data's, the energy has learnt the points and not their density;
    - `particle_age_mean` and `particle_age_max`, in steps, where there are particles.

    The gradient's length and the share of accepted proposals are metrics of the model
    and logged by it. Warns once, with `EnergyWarning`, when hardly any are accepted.
    Place it before callbacks that write logs.

    Args:
        data: Points that are not trained on, `(n, ...)`; None leaves them out.
        every: Epochs between two looks at them.

    Raises:
        ValueError: If `every` is not a positive integer.
    """

    def __init__(self, data: Any = None, every: int = 1):
        super().__init__()
        if not isinstance(every, int) or every < 1:
            raise ValueError(f"`every` must be a positive integer. Received: {every!r}")
        self.data = data
        self.every = every
        self._warned = False

    def set_model(self, model: keras.Model) -> None:
        """Takes the model, which has to be one of an energy.

        Raises:
            TypeError: If it is not.
        """
        super().set_model(model)
        if not isinstance(model, EnergyModel):
            raise TypeError(
                "`EnergyMonitor` watches models of an energy, such as "
                f"`kc.models.ContrastiveDivergence`. Received: {type(model).__name__}"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the measures."""
        logs = {} if logs is None else logs
        if "sample_energy" in logs:
            logs["energy_gap"] = logs["sample_energy"] - logs["data_energy"]
        if self.data is not None:
            self._look_at_data(epoch, logs)
        buffer = getattr(self.model, "buffer", None)
        if buffer is not None:
            ages = buffer.ages.numpy()
            logs["particle_age_mean"] = float(ages.mean())
            logs["particle_age_max"] = float(ages.max())
        share = logs.get("acceptance", 1.0)
        if share < _STUCK and self.model.steps and not self._warned:
            self._warned = True
            warnings.warn(
                f"Of the proposals of {type(self.model.sampler).__name__} at epoch "
                f"{epoch + 1}, {share:.2%} were accepted: chains stand still. A "
                "smaller step would move them.",
                EnergyWarning,
                stacklevel=2,
            )

    def _look_at_data(self, epoch: int, logs: dict[str, Any]) -> None:
        held_out = float("nan")
        # Each epoch has a value, as CSV files want it.
        if (epoch + 1) % self.every == 0:
            held_out = float(np.mean(self.model.predict(self.data, verbose=0)))
        logs["held_out_energy"] = held_out
        if "data_energy" in logs:
            logs["held_out_gap"] = held_out - logs["data_energy"]
