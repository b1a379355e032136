"""Samplers of reals beside those of TensorFlow Probability, where it is installed.

Two samples of the same law, a few steps from one point, where nothing is stationary
yet: so it is the steps that are compared. Its step size is twice ours.
"""

import importlib
import warnings

import pytest
import scipy.stats
import tensorflow as tf

import keras_contrastive as kc

CHAINS = 6000
FALSE_ALARM = 1e-4


@pytest.fixture(scope="module")
def mcmc():
    with warnings.catch_warnings():
        # Not ours: it is older than what it is imported with.
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module("tensorflow_probability").mcmc
        except ImportError as error:
            pytest.skip(f"TensorFlow Probability cannot be imported: {error}")


class Bent(kc.energies.Energy):
    """Two coordinates that depend on each other, and two wells."""

    event_shape = (2,)

    def call(self, x):
        a, b = x[:, 0], x[:, 1]
        return (a**2 - 1) ** 2 + 2 * (b - a**2 / 2) ** 2 + 0.3 * a


CASES = {
    "MALA": (
        kc.samplers.MALA(0.1),
        lambda mcmc, log_p: mcmc.MetropolisAdjustedLangevinAlgorithm(log_p, 0.2),
    ),
    "Langevin": (
        kc.samplers.Langevin(0.05),
        lambda mcmc, log_p: mcmc.UncalibratedLangevin(log_p, 0.1),
    ),
    "Metropolis": (
        kc.samplers.Metropolis(stddev=0.6),
        lambda mcmc, log_p: mcmc.RandomWalkMetropolis(
            log_p, mcmc.random_walk_normal_fn(0.6)
        ),
    ),
}


@pytest.mark.filterwarnings("ignore:supplied `TransitionKernel` is not calibrated")
@pytest.mark.parametrize("name", CASES)
def test_steps_have_the_law_of_tfp_s(name, mcmc):
    sampler, make = CASES[name]
    energy, start = Bent(), tf.tile([[0.6, -0.4]], [CHAINS, 1])
    kernel = make(mcmc, lambda x: -energy(x))

    @tf.function(autograph=False)
    def theirs():
        return mcmc.sample_chain(
            1,
            start,
            kernel=kernel,
            num_burnin_steps=3,
            seed=[5, 6],
            trace_fn=None,
        )[0]

    ours, theirs = sampler(energy, start, 4, seed=[1, 2]).numpy(), theirs().numpy()
    # Along the axes and across, so that the noise of both coordinates is seen.
    for direction in ([1, 0], [0, 1], [1, 1], [1, -1]):
        test = scipy.stats.ks_2samp(ours @ direction, theirs @ direction)
        assert test.pvalue > FALSE_ALARM / 4
    if name != "Langevin":
        stayed = [(ends == start.numpy()).all(axis=1).sum() for ends in (ours, theirs)]
        both = scipy.stats.fisher_exact([stayed, [CHAINS - s for s in stayed]])
        assert both.pvalue > FALSE_ALARM
