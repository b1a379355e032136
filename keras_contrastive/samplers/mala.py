"""The Metropolis-adjusted Langevin algorithm: Langevin dynamics without its bias."""

import math
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies import Energy
from keras_contrastive.samplers.checks import check_positive
from keras_contrastive.samplers.proposal import accept, choose, finite_energies
from keras_contrastive.samplers.sampler import Sampler


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MALA(Sampler):
    """Langevin proposals that are accepted or refused, so that exp(-E) is kept.

        x' = x - eta grad E(x) + sqrt(2 eta) xi

    is accepted with probability min(1, exp(a)), where

        a = E(x) - E(x') - ( |x - x' + eta grad E(x')|^2
                             - |x' - x + eta grad E(x)|^2 ) / (4 eta)

    A proposal whose energy is not a number is refused. For another temperature, sample
    `energy / temperature`.

    Source: Roberts & Tweedie 1996, "Exponential convergence of Langevin distributions
    and their discrete approximations".

    Args:
        step_size: eta, above 0; some 0.57 of the proposals accepted is best in many
            dimensions.
        seed: Of the generator that serves calls without a seed; None draws one.

    Raises:
        ValueError: If the step size is not above 0.
    """

    domain = "reals"

    def __init__(self, step_size: float, seed: int | None = None):
        super().__init__(seed)
        self.step_size = check_positive("step_size", step_size)

    def start(self, energy: Energy, x: tf.Tensor) -> Any:
        """Returns energies and scores, which a refused proposal leaves as they are."""
        energies, score = energy.energy_and_score(x)
        return finite_energies(energies, score), score

    def energies(self, energy: Energy, x: tf.Tensor, carry: Any) -> tf.Tensor:
        """Returns the energies that the last step has computed."""
        return carry[0]

    def step(
        self, energy: Energy, x: tf.Tensor, carry: Any, seed: tf.Tensor
    ) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """Proposes one step."""
        energies, score = carry
        noise = _seeded.normal(tf.shape(x), _seeded.fold_in(seed, 0))
        # x' - x + eta grad E(x) is the noise alone.
        move = math.sqrt(2 * self.step_size) * tf.cast(noise, x.dtype)
        proposal = x + self.step_size * score + move
        new = energy.energy_and_score(proposal)
        back = x - proposal - self.step_size * new[1]
        log_ratio = energies - new[0]
        log_ratio -= (_square(back) - _square(move)) / (4 * self.step_size)
        accepted = accept(log_ratio, _seeded.fold_in(seed, 1))
        x, *carry = choose(accepted, (proposal, *new), (x, *carry))
        return x, tuple(carry), tf.cast(accepted, tf.float32)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "step_size": self.step_size}


def _square(x: tf.Tensor) -> tf.Tensor:
    """|x|^2 of each point, `(batch,)`."""
    return tf.reduce_sum(x * x, axis=list(range(1, x.shape.rank)))
