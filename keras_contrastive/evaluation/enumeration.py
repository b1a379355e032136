"""All states of a model of few bits, and how likely each is."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies import RBM, Energy

from .energy_values import check_energy, check_values

MOST_BITS = 20
MOST_HIDDEN = 25
# Numbers that a block of states holds at once, in float64.
_BLOCK = 2**21


class Enumeration(NamedTuple):
    """Bits whose states can be counted out.

    Attributes:
        bits: How many.
        hidden: Whether they are the hidden units of an RBM, else a point's own.
        log_weights: States `(n, bits)` float64 -> the log of each one's share of Z,
            `(n,)` float64.
        width: Numbers that one state's weight takes to compute.
    """

    bits: int
    hidden: bool
    log_weights: Callable[[tf.Tensor], tf.Tensor]
    width: int

    def blocks(self) -> Iterator[np.ndarray]:
        """Yields the log weights of all states in order, block by block."""
        block = min(2**self.bits, 2 ** int(math.log2(max(1, _BLOCK // self.width))))

        @tf.function(input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)
        def of_block(start: tf.Tensor) -> tf.Tensor:
            numbers = start + tf.range(block, dtype=tf.int64)
            return self.log_weights(states(numbers, self.bits))

        for start in range(0, 2**self.bits, block):
            yield -check_values(-of_block(start).numpy())


def enumeration(energy: Energy, most_hidden: int = MOST_HIDDEN) -> Enumeration | None:
    """Returns the bits to count out: a point's or, if fewer, an RBM's hidden units.

    Args:
        energy: Any energy.
        most_hidden: Number of hidden units above which they are not counted out.

    Returns:
        None where there are too many of both, or points are reals.
    """
    d = math.prod(energy.event_shape) if energy.event_shape is not None else math.inf
    visible = d if energy.domain == "bits" and d <= MOST_BITS else math.inf
    if isinstance(energy, RBM) and energy.hidden <= min(most_hidden, visible):
        of_hidden = _rbm_hidden(energy)
        return Enumeration(energy.hidden, True, of_hidden, d)
    if visible == math.inf:
        return None

    def log_weights(x: tf.Tensor) -> tf.Tensor:
        energies = energy(tf.reshape(x, [-1, *energy.event_shape]))
        return -tf.cast(energies, tf.float64)

    width = max(d, energy.hidden) if isinstance(energy, RBM) else 8 * d
    return Enumeration(d, False, log_weights, width)


def states(numbers: tf.Tensor, bits: int) -> tf.Tensor:
    """Returns the binary digits of integers, the first the highest, `(n, bits)`."""
    shifts = tf.range(bits - 1, -1, -1, dtype=tf.int64)
    digits = tf.bitwise.right_shift(numbers[:, None], shifts[None])
    return tf.cast(tf.bitwise.bitwise_and(digits, tf.ones_like(digits)), tf.float64)


def _rbm_hidden(rbm: RBM) -> Callable[[tf.Tensor], tf.Tensor]:
    """What is left of exp(-E(v, h)) once all v are summed over, in float64.

    Bits:   log w(h) = c.h + sum_i softplus( b_i + (W h)_i )
    Reals:  log w(h) = c.h + ( |b + W h|^2 - |b|^2 ) / (2 s^2) + d/2 log(2 pi s^2)
    """

    def log_weights(h: tf.Tensor) -> tf.Tensor:
        kernel, b, c = (
            tf.cast(tf.convert_to_tensor(variable), tf.float64)
            for variable in (rbm.kernel, rbm.visible_biases, rbm.hidden_biases)
        )
        means = b + tf.linalg.matmul(h, kernel, transpose_b=True)
        biases = tf.linalg.matvec(h, c)
        if rbm.units == "bernoulli":
            return biases + tf.reduce_sum(tf.nn.softplus(means), axis=1)
        variance = rbm.stddev**2
        squares = tf.reduce_sum(means**2, axis=1) - tf.reduce_sum(b**2)
        constant = rbm.visible / 2 * math.log(2 * math.pi * variance)
        return biases + squares / (2 * variance) + constant

    return log_weights


def exact_samples(energy: Energy, count: int, seed: int = 0) -> np.ndarray:
    """Draws independent points of a model whose states can be counted out.

    No chain is run: a state is drawn by its probability. Of an RBM of few hidden units
    those are drawn so, and the visible ones given them.

    Args:
        energy: Over at most 20 bits, or an RBM of at most 25 hidden units.
        count: Number of points, at least 0.
        seed: The same one gives the same points.

    Returns:
        `(count, *event_shape)` float32.

    Raises:
        TypeError: If `energy` is no energy.
        ValueError: If the energy has too many states or another temperature than 1, or
            `count` is negative.
    """
    check_energy(energy)
    if count < 0:
        raise ValueError(f"`count` must be at least 0. Received: {count}")
    model = enumeration(energy)
    if model is None:
        raise ValueError(f"`energy` must have {COUNTABLE}. Received: {size(energy)}")
    log_weights = np.concatenate(list(model.blocks()))
    cumulative = np.cumsum(np.exp(log_weights - log_weights.max()))
    uniform = np.random.default_rng(seed).random(count) * cumulative[-1]
    # Rounding may reach the sum itself, behind which there is no state.
    drawn = np.searchsorted(cumulative, uniform, side="right")
    drawn = np.minimum(drawn, len(cumulative) - 1)
    points = states(tf.constant(drawn, tf.int64), model.bits)
    if model.hidden:
        own = _seeded.fold_in(tf.constant([seed, 0], tf.int64), 0)
        points = energy.sample_visible(points, own)
    points = tf.reshape(points, [-1, *energy.event_shape])
    return tf.cast(points, tf.float32).numpy()


def size(energy: Energy) -> str:
    """Says how large the points of an energy are."""
    hidden = f" and {energy.hidden} hidden units" if isinstance(energy, RBM) else ""
    return (
        f"{type(energy).__name__} of {energy.domain} of shape "
        f"{energy.event_shape}{hidden}"
    )


COUNTABLE = f"at most {MOST_BITS} bits, or be an RBM of at most {MOST_HIDDEN} hidden"
