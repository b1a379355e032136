"""The Metropolis algorithm: a random change, kept if the energy falls or by chance."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies import Energy
from keras_contrastive.samplers.checks import check_positive
from keras_contrastive.samplers.proposal import (
    accept,
    choose,
    finite_energies,
    flattened,
    flipped,
)
from keras_contrastive.samplers.sampler import Sampler


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Metropolis(Sampler):
    """Random perturbations: one bit that flips, or a step in any direction.

    With D = E(x') - E(x), the perturbation is kept if D <= 0, and else with probability
    exp(-D). A step is one proposal a chain. One whose energy is not a number is
    refused. For another temperature, sample `energy / temperature`.

    Source: Metropolis et al. 1953, "Equation of State Calculations by Fast Computing
    Machines".

    Args:
        stddev: Standard deviation of each component of a step, above 0; bits have none.
        seed: Of the generator that serves calls without a seed; None draws one.

    Raises:
        ValueError: If `stddev` is not above 0.
    """

    def __init__(self, stddev: float = 1.0, seed: int | None = None):
        super().__init__(seed)
        self.stddev = check_positive("stddev", stddev)

    def start(self, energy: Energy, x: tf.Tensor) -> Any:
        """Returns the energies."""
        return finite_energies(energy(x))

    def energies(self, energy: Energy, x: tf.Tensor, carry: Any) -> tf.Tensor:
        """Returns the energies that the last step has computed."""
        return carry

    def step(
        self, energy: Energy, x: tf.Tensor, carry: Any, seed: tf.Tensor
    ) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """Proposes one change."""
        own = _seeded.fold_in(seed, 0)
        if energy.domain == "bits":
            flat = flattened(x)
            d = tf.shape(flat)[1]
            sites = _seeded.integers([tf.shape(x)[0]], own, d)
            proposal = tf.reshape(flipped(flat, sites), tf.shape(x))
        else:
            noise = tf.cast(_seeded.normal(tf.shape(x), own), x.dtype)
            proposal = x + self.stddev * noise
        new = energy(proposal)
        accepted = accept(carry - new, _seeded.fold_in(seed, 1))
        x, carry = choose(accepted, (proposal, new), (x, carry))
        return x, carry, tf.cast(accepted, tf.float32)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "stddev": self.stddev}
