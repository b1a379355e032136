"""Score matching: the slope of the energy fitted to the slope of the data."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import losses
from keras_contrastive.energies import Energy
from keras_contrastive.models.energy_model import EnergyModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ScoreMatching(EnergyModel):
    """Fits the score -dE/dx to that of the data, in which there is no Z.

        loss = mean_x 1/2 |grad E(x)|^2 - laplacian E(x)

    Source: Hyvarinen 2005, "Estimation of Non-Normalized Statistical Models by Score
    Matching"; with `slices`: Song et al. 2019 (https://arxiv.org/abs/1905.07088).

    Args:
        energy: Over reals, twice differentiable.
        slices: Random directions along which the Laplacian is estimated, for points of
            many dimensions; None: exactly, in d gradients.
        clip_norm: See `EnergyModel`.
        seed: Seed of the directions; None draws one.
        **kwargs: `name`.

    Raises:
        ValueError: If `slices` is not a positive integer.
    """

    domain = "reals"

    def __init__(
        self,
        energy: Energy,
        slices: int | None = None,
        clip_norm: float | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(energy, clip_norm, seed, **kwargs)
        if slices is not None and (not isinstance(slices, int) or slices < 1):
            raise ValueError(
                f"`slices` must be a positive integer or None. Received: {slices!r}"
            )
        self.slices = slices

    def objective(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each point, `(batch,)`."""
        return losses.score_matching(self.energy, x, self.slices, self.own(seed))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "slices": self.slices}
