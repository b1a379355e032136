"""Minimum probability flow: as little as possible is to leave the data."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import losses
from keras_contrastive.energies import Energy
from keras_contrastive.models.energy_model import EnergyModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MinimumProbabilityFlow(EnergyModel):
    """Minimises the flow of probability from the data to their neighbours.

        loss = mean_x epsilon sum_j exp( ( E(x) - E(neighbour_j) ) / 2 )

    Neighbours that are themselves in the data are not left out; see
    `kc.losses.minimum_probability_flow`.

    Source: Sohl-Dickstein et al. 2011, "Minimum Probability Flow Learning".

    Args:
        energy: Over bits; over anything if `neighbours` are given.
        epsilon: Time, above 0; it scales the loss.
        neighbours: From points `(batch, ...)` to their neighbours `(batch, n, ...)`, a
            function that is registered with Keras if the model is to be saved; being
            neighbours must be mutual. None: all one-bit flips.
        clip_norm: See `EnergyModel`.
        seed: See `EnergyModel`.
        **kwargs: `name`.

    Raises:
        ValueError: If `epsilon` is not above 0, or there are neither bits nor
            neighbours.
    """

    def __init__(
        self,
        energy: Energy,
        epsilon: float = 1.0,
        neighbours: Callable[[tf.Tensor], tf.Tensor] | None = None,
        clip_norm: float | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        if neighbours is None:
            self.domain = "bits"
        elif not callable(neighbours):
            raise TypeError(
                "`neighbours` must be a function of points, or None. "
                f"Received: {neighbours!r}"
            )
        super().__init__(energy, clip_norm, seed, **kwargs)
        if not 0 < epsilon < float("inf"):
            raise ValueError(
                f"`epsilon` must be a finite number above 0. Received: {epsilon}"
            )
        self.epsilon = epsilon
        self.neighbours = neighbours

    def objective(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns the flow from each point, `(batch,)`."""
        return losses.minimum_probability_flow(
            self.energy, x, self.epsilon, self.neighbours
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "neighbours": keras.saving.serialize_keras_object(self.neighbours),
        }
