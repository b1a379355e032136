"""Energies of autoencoders."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.energies.zoo import jolted

E = kc.energies


def autoencoder():
    layers = [keras.layers.Dense(4, "tanh"), keras.layers.Dense(3)]
    return jolted(keras.Sequential([keras.Input([3]), *layers]))


def points(count=6, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)


def test_the_energy_is_the_squared_distance_to_the_reconstruction():
    net, x = autoencoder(), points()
    energy = E.ReconstructionEnergy(net)
    moved = net(x).numpy() - x
    np.testing.assert_allclose(energy(x), (moved**2).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(energy.field(x), moved, rtol=1e-5)
    np.testing.assert_allclose(energy.reconstruct(x), net(x), rtol=1e-6)
    root = E.ReconstructionEnergy(net, distance="l2")
    np.testing.assert_allclose(root(x), np.linalg.norm(moved, axis=1), rtol=1e-5)


def test_the_root_has_a_slope_where_nothing_moves():
    same = keras.Sequential([keras.Input([3]), keras.layers.Activation("linear")])
    energy = E.ReconstructionEnergy(same, "l2")
    np.testing.assert_array_equal(energy.score(points()), np.zeros([6, 3]))


def test_a_chain_moves_no_statistic():
    norm = keras.layers.BatchNormalization()
    net = keras.Sequential([keras.Input([3]), norm, keras.layers.Dense(3)])
    energy = E.ReconstructionEnergy(net)
    before = norm.get_weights()
    kc.samplers.Langevin(0.01)(energy, points(), 5)
    for old, new in zip(before, norm.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    energy(points(), training=True)
    assert np.any(norm.moving_mean.numpy() != before[2])


def test_the_tied_energy_s_score_is_its_field_over_the_variance():
    energy, x = jolted(E.TiedDAEEnergy(3, 5, 0.7)), points()
    energies, score = energy.energy_and_score(x)
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        values = energy(x)
    np.testing.assert_allclose(score, -tape.gradient(values, x), atol=1e-5)
    np.testing.assert_allclose(score, energy.field(x) / 0.49, rtol=1e-5)
    np.testing.assert_allclose(energies, values, rtol=1e-6)


def test_its_score_matching_is_the_denoising_autoencoder_s_error():
    """Point by point, over 2 sigma^4: Vincent 2011, against an autoencoder's loss."""
    stddev, x = 0.6, points(8)
    energy = jolted(E.TiedDAEEnergy(3, 5, stddev))
    dense = keras.layers.Dense(5, "sigmoid")
    model = kc.models.DenoisingAutoencoder(
        keras.Sequential([keras.Input([3]), dense]), "tied", None, seed=0
    )
    dense.set_weights([energy.kernel.numpy(), energy.hidden_biases.numpy()])
    model.decoder._biases[0].assign(energy.visible_biases.numpy())
    noise = points(8, seed=1)
    matched = kc.losses.denoising_score_matching(energy, x, stddev, noise=noise)
    noisy = x + stddev * noise
    for one in range(8):
        row = slice(one, one + 1)
        error = model.error(tf.constant(x[row]), tf.constant(noisy[row]), False)
        np.testing.assert_allclose(error / (2 * stddev**4), matched[one], rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: E.ReconstructionEnergy(lambda x: x), TypeError, "`autoencoder`"),
        (
            lambda: E.ReconstructionEnergy(keras.layers.Dense(3)),
            ValueError,
            "`autoencoder` must be built",
        ),
        (
            lambda: E.ReconstructionEnergy(
                keras.Sequential([keras.Input([3]), keras.layers.Dense(2)])
            ),
            ValueError,
            "shape that it takes",
        ),
        (
            lambda: E.ReconstructionEnergy(autoencoder(), "cosine"),
            ValueError,
            "`distance`",
        ),
        (lambda: E.TiedDAEEnergy(0, 2), ValueError, "`visible`"),
        (lambda: E.TiedDAEEnergy(2, 2, stddev=0), ValueError, "`stddev`"),
    ],
)
def test_bad_arguments_are_refused(call, kind, words):
    with pytest.raises(kind, match=rf"(?s){words}.*Received: "):
        call()
