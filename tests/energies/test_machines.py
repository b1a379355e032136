"""The Boltzmann machine and the RBM against sums over all their states."""

import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.energies import zoo
from tests.reference import oracle

STATES = oracle.states(6)


def parameters(rbm):
    return [v.numpy() for v in (rbm.kernel, rbm.visible_biases, rbm.hidden_biases)]


def test_the_boltzmann_machine_is_its_sum_over_pairs():
    energy = zoo.MODELS["BoltzmannMachine"](dtype="float64")
    couplings = oracle.above_diagonal(energy.couplings.numpy())
    biases = energy.biases.numpy()
    expected = oracle.boltzmann_energy(couplings, biases, STATES)
    np.testing.assert_allclose(energy(STATES), expected, rtol=1e-12, atol=1e-12)
    matrix = energy.matrix().numpy()
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(np.diag(matrix), np.zeros(6))
    assert [matrix[0, 1], matrix[0, 5], matrix[4, 5]] == couplings[[0, 4, 14]].tolist()
    with tf.GradientTape(persistent=True) as tape:
        energies = energy(STATES[:1]), energy(STATES[-1:])
    statistics = oracle.boltzmann_statistics(STATES[[0, -1]])
    for one, expected in zip(energies, statistics, strict=True):
        pairs, single = tape.gradient(one, [energy.couplings, energy.biases])
        found = np.concatenate([oracle.above_diagonal(pairs.numpy()), single])
        np.testing.assert_allclose(-found, expected)
        np.testing.assert_array_equal(np.tril(pairs), 0)


def test_couplings_begin_above_the_diagonal_and_only_they_count():
    energy = kc.energies.BoltzmannMachine(50, stddev=0.5, seed=0, dtype="float64")
    start = energy.couplings.numpy()
    np.testing.assert_array_equal(np.tril(start), 0)
    spread = oracle.above_diagonal(start).std()
    # Four standard errors, of 1,225 numbers.
    assert abs(spread / 0.5 - 1) < 4 / np.sqrt(2 * 1225)
    points = np.random.default_rng(0).integers(0, 2, [4, 50])
    before = energy(points).numpy()
    energy.couplings.assign(start + np.tril(np.full([50, 50], np.inf)))
    np.testing.assert_array_equal(energy(points), before)


def test_one_unit_has_no_pairs():
    energy = kc.energies.BoltzmannMachine(1)
    energy.biases.assign([0.5])
    np.testing.assert_allclose(energy([[0], [1]]), [0, -0.5])
    np.testing.assert_allclose(energy.flip_differences([[0], [1]]), [[-0.5], [0.5]])


def test_the_free_energy_is_the_sum_over_hidden_states():
    rbm = zoo.MODELS["RBM"](dtype="float64")
    expected = oracle.rbm_free_energy(*parameters(rbm), STATES)
    np.testing.assert_allclose(rbm(STATES), expected, rtol=1e-12)


def test_the_gaussian_free_energy_is_the_sum_over_hidden_states():
    rbm = zoo.MODELS["RBM-gaussian"](dtype="float64")
    kernel, b, c = parameters(rbm)
    hidden = oracle.states(4)
    for v in zoo.points(rbm):
        joint = (
            ((v - b) ** 2).sum() / 2 / 0.49 - hidden @ c - hidden @ (v @ kernel) / 0.49
        )
        expected = -np.log(np.exp(-joint).sum())
        np.testing.assert_allclose(rbm(v[None]), [expected], rtol=1e-10)
        ours = rbm.joint_energy(np.tile(v, [16, 1]), hidden)
        np.testing.assert_allclose(ours, joint, rtol=1e-10, atol=1e-10)


def test_the_conditionals_are_those_of_the_joint_energy():
    rbm = zoo.MODELS["RBM"](dtype="float64")
    hidden = oracle.states(4)
    joint = np.array([rbm.joint_energy(np.tile(v, [16, 1]), hidden) for v in STATES])
    p = np.exp(-joint)
    up = p @ hidden / p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(tf.sigmoid(rbm.hidden_logits(STATES)), up, rtol=1e-9)
    down = p.T @ STATES / p.T.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(rbm.visible_mean(hidden), down, rtol=1e-9)


@pytest.mark.parametrize("layer", ["hidden", "visible"])
def test_a_layer_is_drawn_by_its_conditional(layer):
    """Within five standard errors: one of two million true means is refused."""
    rbm = zoo.MODELS["RBM"]()
    count = 20000
    if layer == "hidden":
        point = STATES[37].astype("f")
        mean = tf.sigmoid(rbm.hidden_logits(point[None]))[0].numpy()
        draws = rbm.sample_hidden(np.tile(point, [count, 1]), [1, 2]).numpy()
    else:
        point = np.array([1, 0, 1, 1], "f")
        mean = rbm.visible_mean(point[None])[0].numpy()
        draws = rbm.sample_visible(np.tile(point, [count, 1]), [1, 2]).numpy()
    assert set(np.unique(draws)) == {0.0, 1.0}
    error = 5 * np.sqrt(mean * (1 - mean) / count)
    assert (np.abs(draws.mean(axis=0) - mean) < error).all()
    # And each bit by itself, given the other layer.
    pairs = np.corrcoef(draws.T)[np.triu_indices(len(mean), 1)]
    assert np.abs(pairs).max() < 5 / np.sqrt(count)


def test_gaussian_units_are_drawn_around_their_mean():
    rbm = zoo.MODELS["RBM-gaussian"]()
    h = np.array([1, 0, 1, 1], "f")
    kernel, b, _ = parameters(rbm)
    draws = rbm.sample_visible(np.tile(h, [20000, 1]), [1, 2]).numpy()
    error = 5 * 0.7 / np.sqrt(20000)
    np.testing.assert_allclose(draws.mean(axis=0), b + kernel @ h, atol=error)
    np.testing.assert_allclose(draws.std(axis=0), 0.7, rtol=5 / np.sqrt(2 * 20000))


@pytest.mark.parametrize("name", ["BoltzmannMachine", "RBM", "RBM-gaussian"])
@pytest.mark.parametrize("scale", [1e2, 1e4, 1e6])
def test_extreme_parameters_give_finite_numbers(name, scale):
    energy = zoo.jolted(zoo.MODELS[name](), scale)
    x = zoo.points(energy)
    with tf.GradientTape() as tape:
        energies, score = energy.energy_and_score(x)
        flips = energy.flip_differences(x) if energy.domain == "bits" else score
        loss = tf.reduce_sum(energies) + tf.reduce_sum(flips) / 1e3
    for values in (energies, score, flips):
        assert np.isfinite(values).all()
    for gradient in tape.gradient(loss, energy.trainable_variables):
        assert np.isfinite(gradient).all()
    exact = zoo.jolted(zoo.MODELS[name](dtype="float64"), scale)
    np.testing.assert_allclose(energies, exact(x), rtol=1e-4)


def test_bad_input_is_named():
    for units in (0, -1, 2.0, True, "a"):
        with pytest.raises(ValueError, match=r"`units`.*Received: "):
            kc.energies.BoltzmannMachine(units)
        with pytest.raises(ValueError, match=r"`visible`.*Received: "):
            kc.energies.RBM(units, 2)
        with pytest.raises(ValueError, match=r"`hidden`.*Received: "):
            kc.energies.RBM(2, units)
    with pytest.raises(ValueError, match=r"`stddev`.*Received: -1"):
        kc.energies.BoltzmannMachine(2, -1)
    with pytest.raises(ValueError, match=r"`stddev`.*Received: 0"):
        kc.energies.RBM(2, 2, "gaussian", 0)
    with pytest.raises(ValueError, match=r"`units`.*Received: 'spins'"):
        kc.energies.RBM(2, 2, "spins")
    with pytest.raises(ValueError, match=r"`units`.*flips.*Received: 'gaussian'"):
        kc.energies.RBM(2, 2, "gaussian").flip_differences(np.ones([1, 2]))
