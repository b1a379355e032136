"""Annealing an RBM: from independent visible units to the machine, layer by layer."""

import math

import numpy as np
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies import RBM, Bernoulli, Gaussian


class RBMPath:
    """The RBMs between one without couplings and the one in question.

    The energies of visible and hidden units are mixed, and the hidden ones then summed
    over:

        log f_t(v) = -(1 - t) A(v) - t B(v) + sum_j softplus( t a_j(v) )

    where A(v) is the base's energy, B(v) the part of the RBM's that no hidden unit has,
    and a(v) its hidden log odds: the couplings at t are t W. A step draws h given v and
    v given h at t.

    Source: Salakhutdinov & Murray 2008, "On the Quantitative Analysis of Deep Belief
    Networks", section 4.1.

    Args:
        rbm: The machine at t = 1.
        base: Density of the visible units at t = 0; of reals with the RBM's variance.

    Attributes:
        log_z: Of f_0, in which each hidden unit is on or off, as likely as each other.
    """

    def __init__(self, rbm: RBM, base: Bernoulli | Gaussian):
        self.rbm = rbm
        self.base = base
        self.log_z = rbm.hidden * math.log(2)
        means = base.mean if rbm.units == "gaussian" else logit(base.probabilities)
        self._means = tf.constant(means, rbm.compute_dtype)

    def anneal(
        self, x: tf.Tensor, temperatures: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Walks along the path; at each t after the first, weighs and then draws.

        Args:
            x: Points at the first t, `(chains, visible)`.
            temperatures: t, `(length,)` in either order.
            seed: Two integers.

        Returns:
            Points `(chains, visible)` and the sums of the rises of log f, `(chains,)`
            float64.
        """
        rbm = self.rbm
        kernel = tf.convert_to_tensor(rbm.kernel)
        biases = tf.convert_to_tensor(rbm.visible_biases)
        temperatures = tf.cast(temperatures, x.dtype)

        def body(step, v, weights):
            before, now = temperatures[step - 1], temperatures[step]
            own = _seeded.fold_in(seed, tf.cast(step, tf.int64))
            logits = rbm.hidden_logits(v)
            on = tf.sigmoid(now * logits)
            rise = _softplus_rise(logits, before, now, on)
            rise -= (now - before) * (rbm.visible_energy(v) - self.base(v))
            h = _seeded.bits(on, _seeded.fold_in(own, 0))
            product = tf.linalg.matmul(h, kernel, transpose_b=True)
            means = (1 - now) * self._means + now * (biases + product)
            v = self._draw(means, _seeded.fold_in(own, 1))
            return step + 1, v, weights + tf.cast(rise, tf.float64)

        state = (tf.constant(1), x, tf.zeros(tf.shape(x)[:1], tf.float64))
        length = tf.shape(temperatures)[0]
        _, x, weights = tf.while_loop(
            lambda step, *_: step < length, body, state, parallel_iterations=1
        )
        return x, weights

    def _draw(self, means: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        if self.rbm.units == "bernoulli":
            return _seeded.bits(tf.sigmoid(means), seed)
        noise = tf.cast(_seeded.normal(tf.shape(means), seed), means.dtype)
        return means + self.rbm.stddev * noise


def _softplus_rise(
    logits: tf.Tensor, before: tf.Tensor, now: tf.Tensor, on: tf.Tensor
) -> tf.Tensor:
    """Returns sum_j softplus(now a_j) - softplus(before a_j), `(chains,)`.

    In steps as small as an annealing's the two nearly cancel, and thousands of them
    would add up their rounding: so by d = (now - before) a and the probability at
    `now`, softplus(now a) - softplus(before a) = -log(1 + on (exp(-d) - 1)).

    Args:
        logits: a, `(chains, hidden)`.
        before: t of the step before.
        now: t of this one.
        on: sigmoid(now a), `(chains, hidden)`.
    """
    move = (now - before) * logits
    rises = tf.cond(
        tf.reduce_max(tf.abs(move)) < 1,
        lambda: -tf.math.log1p(on * tf.math.expm1(-move)),
        lambda: tf.nn.softplus(now * logits) - tf.nn.softplus(before * logits),
    )
    return tf.reduce_sum(rises, axis=1)


def logit(probabilities: np.ndarray) -> np.ndarray:
    """Returns log odds."""
    return np.log(probabilities) - np.log1p(-probabilities)
