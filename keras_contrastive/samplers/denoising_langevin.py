"""Langevin dynamics along the score that a denoising autoencoder has learnt."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.energies import AutoencoderEnergy, Energy
from keras_contrastive.samplers.checks import check_positive
from keras_contrastive.samplers.langevin import Langevin


@keras.saving.register_keras_serializable(package="keras_contrastive")
class DenoisingLangevin(Langevin):
    """Langevin dynamics whose score is (r(x) - x) / sigma^2.

        x <- x + eta (r(x) - x) / sigma^2 + sqrt(2 eta T) xi,    xi ~ N(0, I)

    With an r that undoes Gaussian noise of deviation sigma as well as can be, it is
    stationary, for a small eta and T = 1, at the data's density smoothed by that noise.
    The energy that the autoencoder is part of has no say in it: |r(x) - x|^2 is not
    minus the logarithm of that density.

    Source: Alain & Bengio 2014 (https://arxiv.org/abs/1211.4246).

    Args:
        stddev: sigma, the deviation of the noise that r was trained to undo, above 0.
        step_size: eta, above 0; stable below 2 sigma^2.
        temperature: T, at least 0.
        seed: Of the generator that serves calls without a seed; None draws one.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(
        self,
        stddev: float,
        step_size: float,
        temperature: float = 1.0,
        seed: int | None = None,
    ):
        super().__init__(step_size, temperature, seed=seed)
        self.stddev = check_positive("stddev", stddev)

    def check(self, energy: Energy) -> None:
        """Stops at an energy without a reconstruction; see `Sampler`."""
        super().check(energy)
        check_reconstructs(energy)

    def score(self, energy: AutoencoderEnergy, x: tf.Tensor) -> tf.Tensor:
        """Returns (r(x) - x) / sigma^2."""
        return energy.field(x) / self.stddev**2

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "stddev": self.stddev,
            "step_size": self.step_size,
            "temperature": self.temperature,
            "seed": self.seed,
        }


def check_reconstructs(energy: Any) -> None:
    """Stops at an energy that knows no reconstruction.

    Raises:
        TypeError: If it does not.
    """
    if not isinstance(energy, AutoencoderEnergy):
        raise TypeError(
            "`energy` must be of an autoencoder, such as `ReconstructionEnergy`. "
            f"Received: {type(energy).__name__}"
        )
