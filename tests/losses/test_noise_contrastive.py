import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.losses.test_discrete_energy_losses import BITS, STATES, machine
from tests.reference import energy_losses as slow
from tests.reference import oracle


class Coins:
    """Independent bits, as noise."""

    on = np.linspace(0.3, 0.8, BITS)

    def log_prob(self, x):
        return tf.reduce_sum(tf.math.log(tf.where(x > 0, self.on, 1 - self.on)), 1)


NOISE = np.where(STATES > 0, Coins.on, 1 - Coins.on).prod(axis=1)


@pytest.mark.parametrize("nu", [1, 3, 10])
def test_it_equals_the_slow_loop(nu):
    energy, p = machine(scale=1.5)
    energies = energy(STATES).numpy()
    constant = 0.7 - oracle.log_partition(energies)
    data = kc.losses.log_ratio(energy, Coins(), STATES[:8], constant)
    drawn = np.random.default_rng(0).integers(64, size=8 * nu)
    noise = kc.losses.log_ratio(energy, Coins(), STATES[drawn], constant)
    ours = kc.losses.noise_contrastive(data, noise, nu)
    model = np.exp(0.7) * p
    expected = [
        slow.noise_contrastive(
            (model[i], NOISE[i]),
            [(model[j], NOISE[j]) for j in drawn[i * nu : (i + 1) * nu]],
            nu,
        )
        for i in range(8)
    ]
    assert ours.dtype == tf.float64
    np.testing.assert_allclose(ours, expected, rtol=1e-9)
    columns = tf.reshape(noise, [8, nu])
    np.testing.assert_array_equal(kc.losses.noise_contrastive(data, columns, nu), ours)


def test_a_density_of_ours_is_noise():
    energy, _ = machine()
    noise = kc.energies.Bernoulli(Coins.on, dtype="float64")
    ours = kc.losses.log_ratio(energy, noise, STATES, 0.5)
    expected = kc.losses.log_ratio(energy, Coins(), STATES, 0.5)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


@pytest.mark.parametrize("nu", [1, 4])
def test_its_optimum_is_at_the_truth_with_the_constant(nu):
    energy, p = machine()
    truth = -oracle.log_partition(energy(STATES).numpy())
    constant = tf.Variable(truth, dtype=tf.float64)
    # Each pair of a data state and a noise state, weighted by its probability.
    i, j = (index.ravel() for index in np.indices([64, 64]))
    weights = p[i] * NOISE[j]

    def gradient():
        with tf.GradientTape() as tape:
            ratios = kc.losses.log_ratio(energy, Coins(), STATES, constant)
            noise = tf.repeat(tf.gather(ratios, j), nu)
            loss = kc.losses.noise_contrastive(tf.gather(ratios, i), noise, nu)
            total = tf.reduce_sum(weights * loss)
        variables = [*energy.trainable_variables, constant]
        slopes = [tf.reshape(x, [-1]) for x in tape.gradient(total, variables)]
        return tf.concat(slopes, 0).numpy()

    assert np.abs(gradient()).max() < 1e-6
    # Without log nu the constant alone would end elsewhere.
    constant.assign(truth - np.log(2))
    assert np.abs(gradient()[-1]) > 1e-2


@pytest.mark.parametrize("size", [1e4, 1e30, np.inf])
def test_extremes_are_finite_or_rightly_infinite(size):
    ratios = tf.Variable(tf.constant([size, -size], tf.float32))
    with tf.GradientTape() as tape:
        loss = kc.losses.noise_contrastive(ratios, -ratios)
    gradient = tape.gradient(loss, ratios)
    np.testing.assert_allclose(loss, [0, 2 * np.float32(size)])
    np.testing.assert_allclose(gradient, [0, -2])


def test_half_floats_are_computed_in_single():
    for dtype in ("float16", "bfloat16"):
        ratios = tf.constant([3.0, -300.0], dtype)
        loss = kc.losses.noise_contrastive(ratios, ratios)
        assert loss.dtype == tf.float32
        single = tf.cast(ratios, tf.float32)
        expected = kc.losses.noise_contrastive(single, single)
        np.testing.assert_array_equal(loss, expected)


def test_bad_input_is_named():
    data = np.zeros(4, "f")
    for ratio in (0, 1.5, True):
        with pytest.raises(ValueError, match=r"`ratio`.*Received: "):
            kc.losses.noise_contrastive(data, data, ratio)
    for noise in (np.zeros(5), np.zeros([4, 3]), np.zeros([2, 4])):
        with pytest.raises(ValueError, match=r"`noise` .*ratio=2.*Received: .*\(4,\)"):
            kc.losses.noise_contrastive(data, noise, 2)
    energy, _ = machine()
    with pytest.raises(TypeError, match=r"`noise`.*log_prob.*Received: 'normal'"):
        kc.losses.log_ratio(energy, "normal", STATES, 0.0)

    class Coordinates:
        def log_prob(self, x):
            return tf.zeros_like(x)

    with pytest.raises(ValueError, match=r"`noise.log_prob`.*Received: \(64, 6\)"):
        kc.losses.log_ratio(energy, Coordinates(), STATES, 0.0)
    with pytest.raises(ValueError, match=r"`data`.*Received: \(4, 1\)"):
        kc.losses.noise_contrastive(data[:, None], data)
