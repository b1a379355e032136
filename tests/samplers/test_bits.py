"""Samplers of bits against transition matrices that are computed state by state."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import keras_contrastive as kc
from tests.reference import kernels, oracle

BITS, CHAINS = 4, 4000
STATES = oracle.states(BITS)
PLACES = 2 ** np.arange(BITS - 1, -1, -1)
# One run in ten thousand would miss, if the seed were not fixed.
FALSE_ALARM = 1e-4


class Cubic(kc.energies.Energy):
    """An energy without a closed form, whose gradient is no difference."""

    domain = "bits"
    event_shape = (2, 2)

    def call(self, x):
        a, b, c, d = (x[:, i, j] for i in (0, 1) for j in (0, 1))
        return 1.5 * a * b * c - b * d + 0.7 * (a - c) ** 3 + 0.3 * d


def boltzmann():
    return kc.energies.BoltzmannMachine(BITS, stddev=1.0, seed=1)


def rbm():
    # As many hidden units as visible: layers drawn from one seed would be alike.
    energy = kc.energies.RBM(BITS, BITS)
    rng = np.random.default_rng(0)
    energy.kernel.assign(rng.normal(size=(BITS, BITS)))
    energy.visible_biases.assign(rng.normal(size=BITS))
    energy.hidden_biases.assign(rng.normal(size=BITS))
    return energy


def exact(energy):
    points = STATES.reshape(-1, *energy.event_shape)
    energies, score = energy.energy_and_score(points)
    return energies.numpy().astype(float), -score.numpy().reshape(-1, BITS)


def matrix_of(sampler, energy):
    energies, gradient = exact(energy)
    if isinstance(sampler, kc.samplers.Metropolis):
        return oracle.metropolis_matrix(energies, BITS)
    if isinstance(sampler, kc.samplers.GibbsWithGradients):
        return kernels.gibbs_with_gradients_matrix(energies, gradient, BITS)
    if isinstance(energy, kc.energies.RBM):
        weights = (energy.kernel, energy.visible_biases, energy.hidden_biases)
        return oracle.rbm_gibbs_matrix(*(w.numpy().astype(float) for w in weights))
    if sampler.scan == "ordered":
        return oracle.gibbs_sweep_matrix(energies, BITS)
    sites = [oracle.gibbs_site_matrix(energies, site, BITS) for site in range(BITS)]
    return np.linalg.matrix_power(np.mean(sites, axis=0), BITS)


SAMPLERS = {
    "Metropolis": kc.samplers.Metropolis(),
    "Gibbs": kc.samplers.Gibbs(),
    "Gibbs with gradients": kc.samplers.GibbsWithGradients(),
}
PAIRS = [
    (name, energy)
    for name in SAMPLERS
    for energy in (boltzmann, rbm, Cubic, lambda: boltzmann() / 2.0)
]


@pytest.mark.parametrize(("name", "make"), PAIRS)
def test_a_step_moves_as_its_matrix_says_from_every_state(name, make):
    sampler, energy = SAMPLERS[name], make()
    matrix = matrix_of(sampler, energy)
    starts = np.repeat(STATES, CHAINS, axis=0).reshape(-1, *energy.event_shape)
    moved = sampler(energy, starts, 1, seed=[1, 2]).numpy().reshape(-1, BITS)
    assert set(np.unique(moved)) <= {0, 1}
    seen = (moved @ PLACES).astype(int).reshape(2**BITS, CHAINS)
    for state, ends in enumerate(seen):
        counts = np.bincount(ends, minlength=2**BITS)
        possible = matrix[state] > 1e-12
        assert counts[~possible].sum() == 0
        expected = CHAINS * matrix[state][possible]
        if len(expected) == 1:
            continue
        p = scipy.stats.chisquare(counts[possible], expected).pvalue
        assert p > FALSE_ALARM / 2**BITS, (state, counts, CHAINS * matrix[state])


@pytest.mark.parametrize(("name", "make"), PAIRS)
def test_the_matrix_keeps_the_distribution(name, make):
    """That the reference itself is right: stationarity, and balance of a flip."""
    energy = make()
    p = oracle.probabilities(exact(energy)[0])
    matrix = matrix_of(SAMPLERS[name], energy)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    np.testing.assert_allclose(p @ matrix, p, atol=1e-7)
    if name != "Gibbs":
        flow = p[:, None] * matrix
        np.testing.assert_allclose(flow, flow.T, atol=1e-7)


@pytest.mark.parametrize("make", [boltzmann, Cubic])
def test_many_steps_reach_the_distribution(make):
    energy = make()
    p = oracle.probabilities(exact(energy)[0])
    for sampler, steps in (
        (kc.samplers.Metropolis(), 200),
        (kc.samplers.Gibbs(scan="random"), 40),
        (kc.samplers.GibbsWithGradients(), 120),
    ):
        start = np.zeros([20_000, *energy.event_shape])
        ends = sampler(energy, start, steps, seed=[3, 4]).numpy().reshape(-1, BITS)
        counts = np.bincount((ends @ PLACES).astype(int), minlength=2**BITS)
        assert scipy.stats.chisquare(counts, 20_000 * p).pvalue > FALSE_ALARM


def test_a_flip_that_gradients_foresee_is_accepted_more_often():
    energy = kc.energies.BoltzmannMachine(40, stddev=0.3, seed=2)
    start = np.zeros([200, 40])
    informed, blind = (
        sampler.walk(energy, start, 50, seed=[1, 2]).acceptance
        for sampler in (kc.samplers.GibbsWithGradients(), kc.samplers.Metropolis())
    )
    assert informed > blind + 0.1


def test_the_blocks_of_gaussian_visible_units_are_drawn():
    energy = kc.energies.RBM(1, 1, units="gaussian", stddev=0.5)
    energy.kernel.assign([[1.5]])
    energy.hidden_biases.assign([-1.0])
    grid = np.linspace(-6, 8, 20_001)
    weights = np.exp(-energy(grid[:, None]).numpy().astype(float))
    cdf = np.cumsum(weights) / weights.sum()
    ends = kc.samplers.Gibbs()(energy, np.zeros([4000, 1]), 60, seed=[1, 2])
    test = scipy.stats.kstest(ends.numpy()[:, 0], lambda x: np.interp(x, grid, cdf))
    assert test.pvalue > FALSE_ALARM


class Hole(kc.energies.Energy):
    """Not a number where the first bit is set."""

    domain = "bits"
    event_shape = (BITS,)

    def call(self, x):
        wall = tf.where(x[:, 0] > 0, tf.constant(np.nan, x.dtype), x[:, 0])
        return wall - 0.5 * x[:, 1]


@pytest.mark.parametrize("name", SAMPLERS)
def test_what_is_no_number_is_never_accepted(name):
    start = np.zeros([200, BITS])
    ends = SAMPLERS[name](Hole(), start, 20, seed=[1, 2]).numpy()
    assert (ends[:, 0] == 0).all()
    assert ends[:, 1:].any()
    with pytest.raises(tf.errors.InvalidArgumentError, match="finite where chains"):
        SAMPLERS[name](Hole(), start + 1, 1, seed=[1, 2])


@pytest.mark.parametrize("weight", ["kernel", "hidden_biases", "visible_biases"])
def test_an_rbm_with_a_weight_that_is_no_number_has_no_samples(weight):
    energy = rbm()
    values = getattr(energy, weight).numpy()
    values[0] = np.nan
    getattr(energy, weight).assign(values)
    assert np.isnan(kc.samplers.Gibbs()(energy, STATES, 1, seed=[1, 2])).any()


@pytest.mark.parametrize(
    "sampler", [kc.samplers.Gibbs(), kc.samplers.GibbsWithGradients()]
)
def test_reals_are_refused(sampler):
    energy = kc.energies.Gaussian([0.0], [[1.0]])
    with pytest.raises(ValueError, match=r"`energy` must be .*Received: Gaussian over"):
        sampler(energy, np.zeros([2, 1]), 1)


def test_an_unknown_scan_is_refused():
    with pytest.raises(ValueError, match=r"`scan`.*Received: 'up'"):
        kc.samplers.Gibbs(scan="up")
