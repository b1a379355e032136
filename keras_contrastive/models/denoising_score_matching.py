"""Denoising score matching: the slope of the energy points back from noise."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import losses
from keras_contrastive.energies import Energy
from keras_contrastive.models.energy_model import EnergyModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class DenoisingScoreMatching(EnergyModel):
    """Fits the score to that of the data with Gaussian noise of deviation sigma.

        x~ = x + sigma n,    loss = mean 1/2 | grad E(x~) - (x~ - x) / sigma^2 |^2

    What is learnt is the energy of the noisy data, p convolved with N(0, sigma^2).

    Source: Vincent 2011, "A Connection Between Score Matching and Denoising
    Autoencoders".

    Args:
        energy: Over reals.
        stddev: sigma, above 0, in the units of the points.
        clip_norm: See `EnergyModel`.
        seed: Seed of the noise; None draws one.
        **kwargs: `name`.

    Raises:
        ValueError: If `stddev` is not above 0.
    """

    domain = "reals"

    def __init__(
        self,
        energy: Energy,
        stddev: float,
        clip_norm: float | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(energy, clip_norm, seed, **kwargs)
        if not 0 < stddev < float("inf"):
            raise ValueError(
                f"`stddev` must be a finite number above 0. Received: {stddev}"
            )
        self.stddev = stddev

    def objective(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each point under one draw of noise, `(batch,)`."""
        return losses.denoising_score_matching(
            self.energy, x, self.stddev, seed=self.own(seed)
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "stddev": self.stddev}
