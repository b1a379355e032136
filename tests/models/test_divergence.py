"""CD and PCD against sums over all states."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.reference import oracle

BITS = 4
STATES = oracle.states(BITS)
GROUPS, SIZE = 25, 2000


def machine(stddev=0.7):
    return kc.energies.BoltzmannMachine(BITS, stddev, seed=1)


def data_distribution():
    rng = np.random.default_rng(3)
    return rng.dirichlet(np.ones(len(STATES)))


def matrix_of(sampler, energies):
    if isinstance(sampler, kc.samplers.Metropolis):
        return oracle.metropolis_matrix(energies, BITS)
    return oracle.gibbs_sweep_matrix(energies, BITS)


@pytest.mark.parametrize(
    ("sampler", "steps"),
    [
        (kc.samplers.Gibbs(), 1),
        (kc.samplers.Metropolis(), 3),
        (kc.samplers.Metropolis(), 25),
    ],
)
def test_the_gradient_is_the_expected_one(sampler, steps):
    energy, p = machine(), data_distribution()
    model = kc.models.ContrastiveDivergence(energy, sampler, steps, seed=0)
    rng = np.random.default_rng(0)

    @tf.function
    def gradient(x, seed):
        negatives = sampler(energy, x, steps, seed=seed)
        with tf.GradientTape() as tape:
            loss = model.push(x, negatives)
        parts = tape.gradient(loss, [energy.couplings.value, energy.biases.value])
        pairs = tf.stack(
            [parts[0][i, j] for i in range(BITS) for j in range(i + 1, BITS)]
        )
        return tf.concat([pairs, parts[1]], axis=0)

    found = []
    for group in range(GROUPS):
        x = STATES[rng.choice(len(STATES), SIZE, p=p)].astype(np.float32)
        # Of the data's own statistics the exact mean is known, and taken.
        drawn = oracle.boltzmann_statistics(x).mean(axis=0)
        exact = p @ oracle.boltzmann_statistics(STATES)
        found.append(gradient(x, [group, 1]).numpy() + drawn - exact)
    energies = energy(STATES).numpy().astype(float)
    statistics = oracle.boltzmann_statistics(STATES)
    matrix = matrix_of(sampler, energies)
    expected = oracle.cd_gradient(p, matrix, steps, statistics)
    error = np.std(found, axis=0) / np.sqrt(GROUPS)
    # Ten numbers, each within 4.5 standard errors: fewer than one run in 10,000 misses.
    assert (np.abs(np.mean(found, axis=0) - expected) < 4.5 * error).all()
    # Far from maximum likelihood's, and from that of a step more or less.
    if steps < 10:
        other = oracle.cd_gradient(p, matrix, steps + 3, statistics)
        assert (np.abs(np.mean(found, axis=0) - other) > 4.5 * error).any()


def test_the_error_against_maximum_likelihood_falls_with_the_steps():
    energy, p = machine(), data_distribution()
    energies = energy(STATES).numpy().astype(float)
    statistics = oracle.boltzmann_statistics(STATES)
    exact = (oracle.probabilities(energies) - p) @ statistics
    model = kc.models.MaximumLikelihood(energy, seed=0)
    pairs, single = model.visit(gradient=True)[1]
    data_gradient = -p @ statistics
    flat = np.concatenate([oracle.above_diagonal(pairs.numpy()), single])
    np.testing.assert_allclose(data_gradient - flat, exact, atol=1e-5)
    errors = [
        np.linalg.norm(
            oracle.cd_gradient(p, matrix_of(sampler, energies), steps, statistics)
            - exact
        )
        / np.linalg.norm(exact)
        for sampler in [kc.samplers.Metropolis()]
        for steps in (1, 5, 25, 100)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0.5
    assert errors[-1] < 1e-3


@pytest.mark.parametrize(
    "make",
    [
        lambda: (kc.energies.RBM(784, 500), kc.samplers.Gibbs(), "bits"),
        lambda: (
            kc.energies.NetworkEnergy.mlp((5,)),
            kc.samplers.Langevin(0.1),
            "reals",
        ),
    ],
)
def test_no_step_gives_no_loss_and_no_gradient(make):
    energy, sampler, domain = make()
    model = kc.models.ContrastiveDivergence(energy, sampler, steps=0, seed=0)
    model.compile("sgd")
    shape = [100, *energy.event_shape]
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape) if domain == "reals" else rng.integers(0, 2, shape)
    before = energy.get_weights()
    history = model.fit(x.astype(np.float32), batch_size=100, verbose=0).history
    assert history["loss"] == [0.0]
    for old, new in zip(before, energy.get_weights(), strict=True):
        np.testing.assert_allclose(old, new, atol=1e-6)


def test_the_gradient_is_that_of_frozen_negatives():
    energy = kc.energies.NetworkEnergy.mlp((2,), units=(8,))
    sampler = kc.samplers.Langevin(0.1)
    model = kc.models.ContrastiveDivergence(energy, sampler, steps=5, seed=0)
    x = np.random.default_rng(0).normal(size=[16, 2]).astype(np.float32)
    variables = [v.value for v in energy.trainable_variables]
    with tf.GradientTape() as tape:
        loss = model.push(x, sampler(energy, x, 5, seed=[1, 2]))
    found = tape.gradient(loss, variables, unconnected_gradients="none")
    frozen = sampler(energy, x, 5, seed=[1, 2]).numpy()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(energy(x)) - tf.reduce_mean(energy(frozen))
    expected = tape.gradient(loss, variables)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("kind", ["boltzmann", "rbm"])
def test_particles_at_frozen_weights_are_the_model_s(kind):
    if kind == "boltzmann":
        energy = machine()
    else:
        energy = kc.energies.RBM(BITS, 3)
        energy.kernel.assign(np.random.default_rng(0).normal(size=[BITS, 3]))
    model = kc.models.PersistentContrastiveDivergence(
        energy, kc.samplers.Gibbs(), particles=4000, seed=0
    )
    model.compile(keras.optimizers.SGD(0.0))
    data = tf.data.Dataset.from_tensors(np.zeros([400, BITS], np.float32)).repeat(300)
    model.fit(data, verbose=0)
    p = oracle.probabilities(energy(STATES).numpy().astype(float))
    places = 2 ** np.arange(BITS - 1, -1, -1)
    seen = (model.buffer.particles.numpy() @ places).astype(int)
    counts = np.bincount(seen, minlength=len(STATES))
    expected = 4000 * p
    # Chi-square of 15 degrees of freedom: one run in 10,000 is above 44.3.
    assert ((counts - expected) ** 2 / expected).sum() < 44.3
    # A step's 400 of 4,000 each: all have moved, and by about as many steps.
    ages = model.buffer.ages.numpy()
    assert ages.min() > 5
    assert abs(ages.mean() - 30) < 1e-6


def test_a_step_leaves_the_other_particles_alone():
    model = kc.models.PersistentContrastiveDivergence(
        machine(), kc.samplers.Gibbs(), particles=50, seed=0
    )
    model.compile("sgd")
    before = model.buffer.particles.numpy()
    model.fit(np.zeros([8, BITS], np.float32), batch_size=8, verbose=0)
    ages = model.buffer.ages.numpy()
    assert (ages == 1).sum() == 8
    still = ages == 0
    np.testing.assert_array_equal(model.buffer.particles.numpy()[still], before[still])
