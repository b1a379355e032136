"""Gibbs with gradients: flips are proposed where the gradient says that they help."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies import Energy
from keras_contrastive.samplers.proposal import (
    accept,
    choose,
    finite_energies,
    flattened,
    flipped,
)
from keras_contrastive.samplers.sampler import Sampler


@keras.saving.register_keras_serializable(package="keras_contrastive")
class GibbsWithGradients(Sampler):
    """Flips one bit, chosen by a first-order guess of what its flip would do.

    With d_i = (2 x_i - 1) dE/dx_i, which is about E(x) - E(flip_i x), bit i is proposed
    with probability q(i | x) = softmax(d / 2)_i, and the flip x' accepted with

        min(1, exp( E(x) - E(x') ) q(i | x') / q(i | x))

    so that exp(-E) is kept however bad the guess is. A step is one proposal a chain,
    for one gradient. A proposal whose energy is not a number is refused. For another
    temperature, sample `energy / temperature`.

    Source: Grathwohl et al. 2021 (https://arxiv.org/abs/2102.04509), algorithm 1.

    Args:
        seed: Of the generator that serves calls without a seed; None draws one.
    """

    domain = "bits"

    def start(self, energy: Energy, x: tf.Tensor) -> Any:
        """Returns energies and the proposals' log probabilities."""
        energies, log_q = _proposals(energy, x)
        return finite_energies(energies, log_q), log_q

    def energies(self, energy: Energy, x: tf.Tensor, carry: Any) -> tf.Tensor:
        """Returns the energies that the last step has computed."""
        return carry[0]

    def step(
        self, energy: Energy, x: tf.Tensor, carry: Any, seed: tf.Tensor
    ) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """Proposes one flip."""
        energies, log_q = carry
        sites = _drawn(log_q, _seeded.fold_in(seed, 0))
        proposal = tf.reshape(flipped(flattened(x), sites), tf.shape(x))
        new_energies, new_log_q = _proposals(energy, proposal)
        back = tf.gather(new_log_q, sites, batch_dims=1)
        there = tf.gather(log_q, sites, batch_dims=1)
        log_ratio = energies - new_energies + back - there
        accepted = accept(log_ratio, _seeded.fold_in(seed, 1))
        x, *carry = choose(
            accepted, (proposal, new_energies, new_log_q), (x, energies, log_q)
        )
        return x, tuple(carry), tf.cast(accepted, tf.float32)


def _proposals(energy: Energy, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns energies `(batch,)` and log q(i | x), `(batch, d)`."""
    energies, score = energy.energy_and_score(x)
    guess = (1 - 2 * flattened(x)) * flattened(score)
    return energies, tf.nn.log_softmax(guess / 2, axis=1)


def _drawn(log_q: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws one column a row, `(batch,)` int32, with one random number each."""
    below = tf.cumsum(tf.exp(log_q), axis=1)
    uniform = _seeded.uniform([tf.shape(log_q)[0], 1], seed)
    # Of what the sum has come to, which rounding may keep from being 1.
    level = tf.cast(uniform, below.dtype) * below[:, -1:]
    passed = tf.reduce_sum(tf.cast(below <= level, tf.int32), axis=1)
    return tf.minimum(passed, tf.shape(log_q)[1] - 1)
