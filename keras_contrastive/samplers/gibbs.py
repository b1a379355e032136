"""Gibbs sampling: each part drawn anew, given all the others."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies import RBM, Energy
from keras_contrastive.samplers.proposal import finite_energies, flattened
from keras_contrastive.samplers.sampler import Sampler

SCANS = ("ordered", "random")


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Gibbs(Sampler):
    """Draws an RBM's layers in turn, or any bits one after the other.

    A step on an `RBM` draws all hidden units given the visible ones, and then all
    visible ones given those. On other energies of bits it draws each of the d bits
    given the others, q(x_i | rest) = sigmoid(D_i): one sweep. That costs d energies
    of the whole batch, or O(d^2) a chain where the energy knows what a flip does, as
    the `BoltzmannMachine` does. A flip whose energy is not a number is not made.

    Source: Geman & Geman 1984, "Stochastic Relaxation, Gibbs Distributions, and the
    Bayesian Restoration of Images"; of RBMs: Hinton 2002, "Training Products of Experts
    by Minimizing Contrastive Divergence".

    Args:
        scan: Sites of a sweep: "ordered", or "random", d sites drawn with replacement,
            of which the single updates keep detailed balance. An RBM has no sweep.
        seed: Of the generator that serves calls without a seed; None draws one.

    Raises:
        ValueError: If `scan` is not known.
    """

    def __init__(self, scan: str = "ordered", seed: int | None = None):
        super().__init__(seed)
        if scan not in SCANS:
            raise ValueError(f"`scan` must be one of {SCANS}. Received: {scan!r}")
        self.scan = scan

    def check(self, energy: Energy) -> None:
        """Stops at an energy that is neither an RBM nor over bits."""
        super().check(energy)
        if energy.domain != "bits" and not isinstance(energy, RBM):
            raise ValueError(
                "`energy` must be an RBM, or over bits, whose probabilities given the "
                f"others are known. Received: {type(energy).__name__} over "
                f"{energy.domain}"
            )

    def start(self, energy: Energy, x: tf.Tensor) -> Any:
        """Returns the energies, where a sweep compares them."""
        if isinstance(energy, RBM) or energy.site_differences() is not None:
            return ()
        return finite_energies(energy(x))

    def step(
        self, energy: Energy, x: tf.Tensor, carry: Any, seed: tf.Tensor
    ) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """Draws everything once."""
        if isinstance(energy, RBM):
            hidden = energy.sample_hidden(x, _seeded.fold_in(seed, 0))
            x = energy.sample_visible(hidden, _seeded.fold_in(seed, 1))
        else:
            x, carry = self._sweep(energy, x, carry, seed)
        return x, carry, tf.ones([tf.shape(x)[0]])

    def _sweep(
        self, energy: Energy, x: tf.Tensor, energies: Any, seed: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        shape, flat = tf.shape(x), flattened(x)
        d = flat.shape[1]
        difference = energy.site_differences()
        uniform = _seeded.uniform([d, shape[0]], _seeded.fold_in(seed, 0))
        sites = tf.range(d)
        if self.scan == "random":
            drawn = _seeded.integers([d], _seeded.fold_in(seed, 1), d)
            sites = tf.cast(drawn, tf.int32)

        def body(number, flat, energies):
            site = sites[number]
            here = tf.one_hot(site, d, dtype=flat.dtype)
            if difference is None:
                flipped = flat + here * (1 - 2 * flat)
                after = energy(tf.reshape(flipped, shape))
                rise = after - energies
            else:
                rise = difference(tf.reshape(flat, shape), site)
            draw = tf.cast(uniform[number], rise.dtype)
            # False where the rise is not a number.
            flips = draw >= tf.sigmoid(rise)
            if difference is None:
                energies = tf.where(flips, after, energies)
            here *= tf.cast(flips, flat.dtype)[:, None]
            flat = tf.ensure_shape(flat + here * (1 - 2 * flat), flat.shape)
            return number + 1, flat, energies

        _, flat, energies = tf.while_loop(
            lambda number, *_: number < d,
            body,
            (tf.constant(0), flat, energies),
            parallel_iterations=1,
            maximum_iterations=d,
        )
        return tf.reshape(flat, shape), energies

    def energies(self, energy: Energy, x: tf.Tensor, carry: Any) -> tf.Tensor:
        """Returns the energies, computed by the sweep or here."""
        return energy(x) if isinstance(carry, tuple) else carry

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "scan": self.scan}
