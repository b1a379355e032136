"""Samplers of reals against distributions that are known."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import keras_contrastive as kc

CHAINS = 8000
FALSE_ALARM = 1e-4


class Quartic(kc.energies.Energy):
    """Two wells of different depth; what a step may propose is not a number at 9."""

    event_shape = (1,)

    def call(self, x):
        x = x[:, 0]
        energies = (x**2 - 1) ** 2 + 0.4 * x
        return tf.where(tf.abs(x) > 9, tf.constant(np.nan, x.dtype), energies)


def quartic_cdf(x):
    grid = np.linspace(-5, 5, 20_001)
    weights = np.exp(-((grid**2 - 1) ** 2) - 0.4 * grid)
    return np.interp(x, grid, np.cumsum(weights) / weights.sum())


def narrow(variance=0.25):
    return kc.energies.Gaussian([2.0], [[variance]])


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("step_size", [0.01, 0.2])
def test_langevin_has_the_variance_of_its_step(step_size, temperature):
    sampler = kc.samplers.Langevin(step_size, temperature)
    start = np.full([CHAINS, 1], 2.0)
    # Ten times the slowest mode's memory.
    steps = int(10 * 0.25 / step_size) + 10
    ends = sampler(narrow(), start, steps, seed=[1, 2]).numpy()[:, 0]
    expected = temperature / (4 * (1 - step_size * 4 / 2))
    test = scipy.stats.kstest(ends, scipy.stats.norm(2, expected**0.5).cdf)
    assert test.pvalue > FALSE_ALARM
    # The other step's, the other temperature's and sqrt(2) away are all told apart.
    for wrong in (expected / 2, expected * 2, expected * 1.2):
        other = scipy.stats.kstest(ends, scipy.stats.norm(2, wrong**0.5).cdf)
        assert other.pvalue < FALSE_ALARM


def test_langevin_without_a_temperature_descends():
    sampler = kc.samplers.Langevin(0.1, temperature=0.0)
    ends = sampler(narrow(), np.zeros([3, 1]), 100, seed=[1, 2])
    np.testing.assert_allclose(ends, 2.0, atol=1e-5)


@pytest.mark.parametrize(
    ("sampler", "steps"),
    [
        (kc.samplers.MALA(0.25), 150),
        (kc.samplers.MALA(0.05), 500),
        (kc.samplers.Metropolis(stddev=1.2), 150),
    ],
)
def test_adjusted_walks_have_no_bias(sampler, steps):
    rng = np.random.default_rng(0)
    start = rng.uniform(-2, 2, [CHAINS, 1])
    energy = Quartic()
    ends = sampler(energy, start, steps, seed=[1, 2]).numpy()[:, 0]
    assert scipy.stats.kstest(ends, quartic_cdf).pvalue > FALSE_ALARM


@pytest.mark.parametrize(
    "sampler", [kc.samplers.MALA(0.4), kc.samplers.Metropolis(stddev=1.0)]
)
def test_one_step_from_the_distribution_stays_in_it_and_is_balanced(sampler):
    energy = Quartic()
    rng = np.random.default_rng(1)
    start = np.interp(rng.uniform(size=40_000), quartic_cdf(GRID), GRID)[:, None]
    ends = sampler(energy, start, 1, seed=[5, 6]).numpy()[:, 0]
    assert scipy.stats.kstest(ends, quartic_cdf).pvalue > FALSE_ALARM
    # Detailed balance: as many go from one cell to another as come back.
    cells = np.quantile(start, np.linspace(0, 1, 7)[1:-1])
    flow = np.zeros((6, 6))
    np.add.at(flow, (np.digitize(start[:, 0], cells), np.digitize(ends, cells)), 1)
    for i, j in zip(*np.triu_indices(6, 1), strict=True):
        there, back = flow[i, j], flow[j, i]
        assert abs(there - back) < 4.5 * np.sqrt(there + back + 1)


GRID = np.linspace(-5, 5, 20_001)


def test_langevin_is_biased_where_mala_is_not():
    start = np.full([CHAINS, 1], 2.0)
    for sampler, exact in (
        (kc.samplers.MALA(0.3), True),
        (kc.samplers.Langevin(0.3), False),
    ):
        ends = sampler(narrow(), start, 60, seed=[1, 2]).numpy()[:, 0]
        test = scipy.stats.kstest(ends, scipy.stats.norm(2, 0.5).cdf)
        assert (test.pvalue > FALSE_ALARM) == exact


def test_what_is_no_number_is_never_accepted():
    start = np.full([500, 1], 8.9)
    for sampler in (kc.samplers.MALA(1e-4), kc.samplers.Metropolis(stddev=3.0)):
        ends = sampler(Quartic(), start, 50, seed=[1, 2])
        assert np.isfinite(ends).all()
        assert (np.abs(ends) <= 9).all()


@pytest.mark.parametrize("sampler", [kc.samplers.MALA(0.1), kc.samplers.Metropolis()])
def test_a_start_that_is_no_number_is_refused(sampler):
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="finite where chains start"
    ):
        sampler(Quartic(), np.full([2, 1], 9.5), 1, seed=[1, 2])


def test_short_runs_name_their_temperature():
    sampler = kc.samplers.Langevin.short_run()
    assert sampler.temperature == pytest.approx(1.25e-6)
    energy = kc.energies.Gaussian([0.5], [[1e-3]])
    # A component of the gradient beyond 0.01 is cut there, and the point at 0 and 1.
    ends = sampler(energy, np.array([[0.9], [0.2]]), 1, seed=[1, 2]).numpy()
    np.testing.assert_allclose(ends, [[0.8], [0.3]], atol=0.03)
    assert (abs(ends - [[0.8], [0.3]]) > 1e-6).all()
    far = sampler(energy, np.array([[5.0]]), 1, seed=[1, 2]).numpy()
    assert far == 1.0


def test_bits_are_refused():
    energy = kc.energies.BoltzmannMachine(2)
    for sampler in (kc.samplers.Langevin(0.1), kc.samplers.MALA(0.1)):
        with pytest.raises(ValueError, match=r"over reals.*Received: Boltzmann.* bits"):
            sampler(energy, np.zeros([3, 2]), 1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: kc.samplers.Langevin(0), "`step_size`"),
        (lambda: kc.samplers.Langevin(0.1, temperature=-1), "`temperature`"),
        (lambda: kc.samplers.Langevin(0.1, clip=0), "`clip`"),
        (lambda: kc.samplers.Langevin(0.1, bounds=(1, 0)), "`bounds`"),
        (lambda: kc.samplers.Langevin.short_run(noise=-1), "`noise`"),
        (lambda: kc.samplers.MALA(float("nan")), "`step_size`"),
        (lambda: kc.samplers.Metropolis(stddev=0), "`stddev`"),
    ],
)
def test_numbers_out_of_range_are_refused(make, words):
    with pytest.raises(ValueError, match=f"{words}.*Received: "):
        make()
