"""Annealed importance sampling: log Z of models too large to sum over."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.data.batches import as_integer
from keras_contrastive.energies import Density, Energy
from keras_contrastive.samplers import Sampler

from .annealing_start import (
    base_density,
    check_energies,
    check_sampler,
    model_samples,
    schedule,
)
from .energy_annealing import EnergyPath
from .energy_values import check_energy
from .log_weights import LogPartitionEstimate, estimate
from .rbm_annealing import RBMPath

# How often the bar moves in one direction.
_MOVES = 100


class AISLogPartition(NamedTuple):
    """What annealed importance sampling says about log Z.

    Attributes:
        log_z: The forward estimate. Its exponential is unbiased, so that log_z itself
            is at most log Z in expectation: a stochastic lower bound.
        standard_error: Of `log_z`.
        effective_sample_size: Of the forward run, from 1 to the number of chains.
        forward: From the base to the model.
        reverse: From samples of the model to the base; None where there were none.
            Where they were exact, at least log Z in expectation: a stochastic upper
            bound.
        reverse_is_exact: Whether the reverse run started at exact samples. Those that
            were handed in are as good as the chain they came from, and the upper bound
            holds no longer: samples that miss modes of the model can bring it below
            log Z.
    """

    log_z: float
    standard_error: float
    effective_sample_size: float
    forward: LogPartitionEstimate
    reverse: LogPartitionEstimate | None
    reverse_is_exact: bool


def ais_log_partition(
    energy: Energy,
    chains: int = 100,
    temperatures: int | Sequence[float] = 10_000,
    data: Any = None,
    sampler: Sampler | None = None,
    steps: int = 1,
    base: Density | None = None,
    samples: Any = None,
    reverse: bool = True,
    seed: int = 0,
    progress: bool = True,
) -> AISLogPartition:
    """Estimates log Z, of p(x) = exp(-E(x)) / Z, with many chains at once.

    Chains start at independent points of a base whose Z_0 is known, and walk along
    densities f_t from the base (t = 0) to exp(-E) (t = 1). At each t_k

        log w += log f_{t_k}(x) - log f_{t_(k-1)}(x),    then x ~ T_k(x)

    where T_k leaves f_{t_k} as it is. Z_0 w is an unbiased estimate of Z.

    An RBM is annealed by its weights, t W, from its layers without couplings, with
    block Gibbs steps. Any other energy (and an RBM with a `sampler`) is annealed by
    f_t = exp(-(1 - t) E_0 - t E).

    Source: Neal 2001, "Annealed Importance Sampling"; of RBMs: Salakhutdinov & Murray
    2008, "On the Quantitative Analysis of Deep Belief Networks"; the pair of bounds:
    Grosse, Ghahramani & Adams 2015, "Sandwiching the marginal likelihood using
    bidirectional Monte Carlo".

    Args:
        energy: E; its `event_shape` is known.
        chains: How many, at least 2.
        temperatures: How many t there are, the base's not counted; spaced evenly. Or
            all of them, rising from 0 to 1.
        data: Points `(n, ...)` whose mean (and, of reals, variance) the base is given,
            which is then nearer to the model; None: an RBM's own biases, even bits,
            or a standard normal density.
        sampler: What walks, with temperature 1 and no bias; required unless `energy`
            is an RBM.
        steps: The sampler's steps at each t.
        base: The base itself, instead of `data`, with a density wherever `energy` is
            finite and nowhere else; not for RBMs without a `sampler`.
        samples: Points of the model that the reverse run starts from, `(n, ...)`, a
            chain each; None: exact ones where the model can be counted out (20 bits or
            hidden units) or is a `Density`.
        reverse: Whether to run the reverse as well, where it is possible: it costs as
            much again.
        seed: The same one gives the same result.
        progress: Whether to show a progress bar.

    Returns:
        The estimates; `mean_log_likelihood` takes them as they are.

    Raises:
        TypeError: If an argument is of another kind.
        ValueError: If `energy` or `sampler` has another temperature than 1, a number is
            out of its range, shapes do not fit, or a weight or an energy is not
            finite.
    """
    check_energy(energy)
    chains, seed = as_integer("chains", chains, 2), as_integer("seed", seed, 0)
    rising = schedule(temperatures)
    steps = as_integer("steps", steps, 1)
    check_sampler(energy, sampler, steps)
    base = base_density(energy, base, data, by_layers=sampler is None)
    known, exact = None, False
    if reverse or samples is not None:
        known, exact = model_samples(energy, samples, chains, seed)
    if sampler is None:
        path = RBMPath(energy, base)
    else:
        path = EnergyPath(energy, base, sampler, steps)
    run = tf.function(path.anneal, autograph=False, reduce_retracing=True)

    moves = (len(rising) - 1) * (1 if known is None else 2)
    bar = keras.utils.Progbar(moves, interval=0.2) if progress else None
    own, start, back = (
        _seeded.fold_in(tf.constant([seed, 0], tf.int64), part) for part in range(3)
    )
    points = base.sample(chains, start)
    check_energies("base", energy, points)
    if known is not None:
        check_energies("samples", energy, known)
    forward = estimate(path.log_z + _anneal(run, points, rising, own, bar))
    backward = None
    if known is not None:
        fall = _anneal(run, energy.points(known), rising[::-1], back, bar)
        backward = estimate(path.log_z - fall, reverse=True)
    return AISLogPartition(*forward[:3], forward, backward, exact)


def _anneal(
    run: Any,
    x: tf.Tensor,
    temperatures: np.ndarray,
    seed: tf.Tensor,
    bar: keras.utils.Progbar | None,
) -> np.ndarray:
    """Walks along a path, one stretch after the other; returns the log weights."""
    moves = len(temperatures) - 1
    stretch = max(1, -(-moves // _MOVES))
    weights = np.zeros(len(x))
    for number, first in enumerate(range(0, moves, stretch)):
        part = tf.constant(temperatures[first : first + stretch + 1])
        x, rises = run(x, part, _seeded.fold_in(seed, number))
        weights += rises.numpy()
        if bar is not None:
            bar.add(len(part) - 1)
    return weights
