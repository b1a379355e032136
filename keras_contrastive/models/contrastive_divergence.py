"""Contrastive divergence: short chains that start at the data."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.models.sampled import SampledModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ContrastiveDivergence(SampledModel):
    """Pulls the data's energy down, and pushes up where a short walk from it leads.

        x- = k steps of the sampler from x+
        loss = mean E(x+) - mean E(sg[x-])

    No gradient flows through the walk. Of Langevin steps on a network, of flips that
    are kept by chance, or of an RBM's block Gibbs sampling, this is one method.

        rbm = kc.energies.RBM(784, 500)
        model = kc.models.ContrastiveDivergence(rbm, kc.samplers.Gibbs())
        model.compile(keras.optimizers.SGD(0.05))
        model.fit(kc.data.bits(kc.data.load("mnist", "train"), 100), epochs=10)

    Source: Hinton 2002, "Training Products of Experts by Minimizing Contrastive
    Divergence"; other contrasts: LeCun et al. 2006, "A Tutorial on Energy-Based
    Learning".

    Args:
        energy: What is trained.
        sampler: Makes the negatives; over the energy's points.
        steps: k, at least 0.
        contrast: "difference", "margin", max(0, m + E+ - E-), "softplus",
            softplus(E+ - E-), or "square_square", E+^2 + max(0, m - E-)^2.
        margin: m, above 0.
        energy_regularisation: alpha of `alpha mean(E+^2 + E-^2)`, at least 0.
        clip_norm: See `EnergyModel`.
        seed: Seed of the chains; None draws one.
        **kwargs: `name`.

    Raises:
        TypeError: If `energy` or `sampler` is not one.
        ValueError: If the sampler does not walk on the energy's points, or a number is
            out of its range.
    """

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Walks away from the data and contrasts where it comes to."""
        x = self.points(data)
        negatives, acceptance = self.sampler.walk(
            self.energy, x, self.steps, seed=self.own(self.seed_of(self.step))
        )
        self.learn(lambda: self.push(x, negatives))
        self.acceptance.update_state(acceptance)
        return self.results()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Computes the loss and the metrics."""
        x = self.points(data)
        negatives, acceptance = self.sampler.walk(
            self.energy, x, self.steps, seed=self.own(self.seed_of(-1))
        )
        self.loss_mean.update_state(self.push(x, negatives))
        self.acceptance.update_state(acceptance)
        return self.results()
