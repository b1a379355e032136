"""Pseudo-likelihood: each bit predicted from all the others."""

import keras
import tensorflow as tf

from keras_contrastive import losses
from keras_contrastive.models.energy_model import EnergyModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class PseudoLikelihood(EnergyModel):
    """Maximises the pseudo-likelihood of bits, which knows no Z.

    With D_i = E(flip_i x) - E(x), so that q(x_i | all others) = sigmoid(D_i),

        loss = mean_x sum_i softplus(-D_i)

        model = kc.models.PseudoLikelihood(kc.energies.BoltzmannMachine(64))
        model.compile("adam")
        model.fit(kc.data.bits(images, 100), epochs=10)

    Source: Besag 1975, "Statistical Analysis of Non-Lattice Data".

    Args:
        energy: Over bits.
        clip_norm: See `EnergyModel`.
        seed: See `EnergyModel`.
        **kwargs: `name`.
    """

    domain = "bits"

    def objective(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns minus the log pseudo-likelihood of each point, `(batch,)`."""
        return losses.pseudo_likelihood(self.energy, x)
