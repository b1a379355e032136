"""Every method finds the parameters that made the data, as well as theory says."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.reference import estimation, oracle

BITS = 6
STATES = oracle.states(BITS)
POINTS, REPEATS = 20_000, 10
NU = 2
POINTWISE = {
    "PL": kc.models.PseudoLikelihood,
    "RM": kc.models.RatioMatching,
    "MPF": kc.models.MinimumProbabilityFlow,
}


class Machine:
    """A Boltzmann machine in float64 and a method's objective at every state."""

    def __init__(self, method):
        self.energy = kc.energies.BoltzmannMachine(6, 0.5, seed=1, dtype="float64")
        self.truth = estimation.pack(self.energy.trainable_variables)
        self.p = oracle.probabilities(self.energy(STATES).numpy())
        self.method = method
        self.noise = kc.energies.Bernoulli([0.5] * BITS, dtype="float64")
        self.q = np.full(len(STATES), 0.5**BITS)
        if method == "NCE":
            self.model = kc.models.NoiseContrastiveEstimation(
                self.energy, self.noise, ratio=NU, seed=0
            )
            log_z = oracle.log_partition(self.energy(STATES).numpy())
            self.model.log_constant.assign(-log_z)
            self.truth = np.append(self.truth, -log_z)
        elif method == "ML":
            self.model = kc.models.MaximumLikelihood(self.energy, seed=0)
        else:
            self.model = POINTWISE[method](self.energy, seed=0)
        self.variables = [*self.energy.trainable_variables]
        if method == "NCE":
            self.variables.append(self.model.log_constant)
        # What counts of the parameters: of the matrix its upper half.
        masks = [np.triu(np.ones([BITS, BITS]), 1), np.ones(BITS)]
        masks += [np.ones(1)] * (method == "NCE")
        self.free = np.flatnonzero(np.concatenate([m.ravel() for m in masks]))

    def data_values(self):
        """What each state adds to the loss when it is data, `(states,)`."""
        if self.method == "ML":
            # Whose gradient is that of the model's own, exact, expectation.
            log_z = tf.reduce_logsumexp(-self.energy(STATES))
            return self.energy(STATES) + log_z
        if self.method == "NCE":
            return tf.nn.softplus(-self.ratios())
        return self.model.objective(STATES, [0, 0])

    def noise_values(self):
        """What each state adds when it is noise."""
        return NU * tf.nn.softplus(self.ratios())

    def ratios(self):
        density = self.noise.log_prob(STATES)
        log_nu = tf.math.log(tf.constant(NU, tf.float64))
        return self.model.log_constant - self.energy(STATES) - density - log_nu

    def loss(self, weights, noise=None):
        loss = tf.reduce_sum(weights * self.data_values())
        if self.method == "NCE":
            loss += tf.reduce_sum(
                (self.q if noise is None else noise) * self.noise_values()
            )
        return loss


def shares(points):
    """How often each state comes among points."""
    numbers = (points @ 2.0 ** np.arange(BITS - 1, -1, -1)).astype(int)
    return np.bincount(numbers, minlength=len(STATES)) / len(points)


METHODS = ("ML", "PL", "RM", "MPF", "NCE")


@pytest.mark.parametrize("method", METHODS)
def test_the_truth_is_found_from_the_exact_distribution(method):
    machine = Machine(method)
    gradient = estimation.gradients_of(
        lambda: machine.loss(machine.p)[None], machine.variables
    )
    assert np.abs(gradient).max() < 1e-6
    estimation.assign(machine.variables, 0.1 * np.ones_like(machine.truth))
    estimation.minimise(lambda: machine.loss(machine.p), machine.variables)
    found = estimation.pack(machine.variables)[machine.free]
    np.testing.assert_allclose(found, machine.truth[machine.free], atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_samples_stray_as_the_asymptotic_covariance_says(method):
    machine = Machine(method)
    free = machine.free
    hessian = estimation.hessian_of(lambda: machine.loss(machine.p), machine.variables)
    hessian = hessian[np.ix_(free, free)]
    gradients = estimation.gradients_of(machine.data_values, machine.variables)[:, free]
    variance = estimation.covariance(gradients, machine.p)
    if method == "NCE":
        # A mean over NU times as many points, times NU.
        gradients = estimation.gradients_of(machine.noise_values, machine.variables)
        gradients = gradients[:, free]
        variance += estimation.covariance(gradients, machine.q) / NU
    expected = np.diag(estimation.sandwich(hessian, variance)) / POINTS
    rng = np.random.default_rng(0)
    weights, noise = tf.Variable(machine.p), tf.Variable(machine.q)
    errors = []
    for _ in range(REPEATS):
        weights.assign(rng.multinomial(POINTS, machine.p) / POINTS)
        noise.assign(rng.multinomial(NU * POINTS, machine.q) / (NU * POINTS))
        estimation.assign(machine.variables, machine.truth)
        estimation.minimise(lambda: machine.loss(weights, noise), machine.variables)
        found = estimation.pack(machine.variables)
        errors.append((found - machine.truth)[free])
    # 210 squares that hang together, as about 60 free ones would: 9%, and three times
    # that is allowed.
    ratio = np.sqrt(np.mean(np.square(errors) / expected))
    assert abs(ratio - 1) < 0.27, ratio


@pytest.mark.parametrize("method", METHODS)
def test_a_training_step_goes_along_that_loss(method):
    """One step of SGD, on every state as often as it comes among 4,000 points."""
    machine = Machine(method)
    rng = np.random.default_rng(1)
    points = STATES[rng.choice(len(STATES), 4000, p=machine.p)]
    estimation.assign(machine.variables, machine.truth + 0.3)
    counts, noise = shares(points), None
    if method == "NCE":
        drawn = machine.model.draw(tf.constant(points), machine.model.step).numpy()
        noise = shares(drawn)
    expected = estimation.gradients_of(
        lambda: machine.loss(counts, noise)[None], machine.variables
    )[0]
    machine.model.compile(keras.optimizers.SGD(1.0))
    before = estimation.pack(machine.variables)
    machine.model.fit(points, batch_size=4000, shuffle=False, verbose=0)
    moved = before - estimation.pack(machine.variables)
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_nce_without_log_nu_would_be_seen_in_c():
    """What is left out there is found in c to the digit, and nowhere else."""
    machine = Machine("NCE")
    right = machine.ratios

    def wrong():
        return right() + np.log(NU)

    machine.ratios = wrong
    estimation.minimise(lambda: machine.loss(machine.p), machine.variables)
    found = estimation.pack(machine.variables)
    np.testing.assert_allclose(found[:-1], machine.truth[:-1], atol=1e-4)
    np.testing.assert_allclose(found[-1], machine.truth[-1] - np.log(NU), atol=1e-4)
