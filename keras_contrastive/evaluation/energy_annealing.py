"""Annealing any energy: from a density to the energy, by chains of a sampler."""

import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies import Density, Energy
from keras_contrastive.samplers import Sampler


class EnergyPath:
    """The energies between a density and the one in question.

        E_t(x) = (1 - t) E_base(x) + t E(x)

    A step is what a sampler does on E_t, which must leave exp(-E_t) as it is.

    Source: Neal 2001, "Annealed Importance Sampling".

    Args:
        energy: What is reached at t = 1.
        base: What points are drawn of at t = 0.
        sampler: What walks in between.
        steps: Its steps at each t.
    """

    def __init__(self, energy: Energy, base: Density, sampler: Sampler, steps: int):
        self.energy = energy
        self.base = base
        self.sampler = sampler
        self.steps = steps
        self.log_z = 0.0

    def anneal(
        self, x: tf.Tensor, temperatures: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Walks along the path; at each t after the first, weighs and then draws.

        Args:
            x: Points at the first t, `(chains, ...)`.
            temperatures: t, `(length,)` in either order.
            seed: Two integers.

        Returns:
            Points `(chains, ...)` and the sums of the falls of E_t, `(chains,)`
            float64.
        """
        temperatures = tf.cast(temperatures, x.dtype)

        def body(step, x, weights):
            before, now = temperatures[step - 1], temperatures[step]
            own = _seeded.fold_in(seed, tf.cast(step, tf.int64))
            fall = (now - before) * (self.base(x) - self.energy(x))
            between = Between(self.base, self.energy, now)
            moved = self.sampler(between, x, self.steps, own)
            moved = tf.ensure_shape(moved, x.shape)
            return step + 1, moved, weights + tf.cast(fall, tf.float64)

        state = (tf.constant(1), x, tf.zeros(tf.shape(x)[:1], tf.float64))
        length = tf.shape(temperatures)[0]
        _, x, weights = tf.while_loop(
            lambda step, *_: step < length, body, state, parallel_iterations=1
        )
        return x, weights


class Between(Energy):
    """One energy of a path, at a place that only the graph knows.

    Args:
        base: At t = 0.
        energy: At t = 1.
        place: t, a scalar tensor.
    """

    def __init__(self, base: Energy, energy: Energy, place: tf.Tensor):
        super().__init__(dtype=energy.compute_dtype)
        self.domain = energy.domain
        self.event_shape = energy.event_shape
        self._ends = (base, energy)
        self._place = place
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the energy of each point, `(batch,)`."""
        return self._mixed(*(end(x) for end in self._ends))

    def energy_and_score(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns energies `(batch,)` and scores `(batch, ...)` of one evaluation."""
        x = self.points(x)
        base, energy = (end.energy_and_score(x) for end in self._ends)
        return self._mixed(base[0], energy[0]), self._mixed(base[1], energy[1])

    def flip_differences(self, x: tf.Tensor) -> tf.Tensor:
        """Returns D_i of the mixed energy, `(batch, d)`."""
        x = self.points(x)
        return self._mixed(*(end.flip_differences(x) for end in self._ends))

    def _mixed(self, base: tf.Tensor, energy: tf.Tensor) -> tf.Tensor:
        base = tf.cast(base, energy.dtype)
        return (1 - self._place) * base + self._place * energy
