"""Ratio matching: score matching for bits."""

import keras
import tensorflow as tf

from keras_contrastive import losses
from keras_contrastive.models.energy_model import EnergyModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RatioMatching(EnergyModel):
    """Matches the ratios of probabilities of neighbours, in which Z cancels.

    With D_i = E(flip_i x) - E(x), and so p(x) / p(flip_i x) = exp(D_i),

        loss = mean_x sum_i sigmoid(-D_i)^2

    Source: Hyvarinen 2007, "Some Extensions of Score Matching".

    Args:
        energy: Over bits.
        clip_norm: See `EnergyModel`.
        seed: See `EnergyModel`.
        **kwargs: `name`.
    """

    domain = "bits"

    def objective(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each point, `(batch,)`."""
        return losses.ratio_matching(self.energy, x)
