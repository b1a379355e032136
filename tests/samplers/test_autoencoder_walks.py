"""Walks of autoencoders: walk-back, Langevin along the field, and to fixed points."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc

S2, NOISE2 = 0.8, 0.5  # Variances of the data and of the noise.


class Tweedie(kc.energies.AutoencoderEnergy):
    """The best r for N(0, S2) under Gaussian noise of variance NOISE2."""

    event_shape = (1,)

    def call(self, x):
        return tf.reduce_sum(self.field(x) ** 2, axis=1)

    def reconstruct(self, x):
        return self.points(x) * (S2 / (S2 + NOISE2))


CHAINS = 20_000


def variance_is(x, expected):
    """Within five standard errors of a Gaussian's: a false alarm in a million seeds."""
    return abs(np.var(x) / expected - 1) < 5 * math.sqrt(2 / len(x))


def test_walk_back_is_stationary_at_the_data():
    """With p(x | x~) of the posterior's variance S2 NOISE2 / (S2 + NOISE2)."""
    posterior = S2 * NOISE2 / (S2 + NOISE2)
    noise = kc.augment.GaussianNoise(math.sqrt(NOISE2))
    walk = kc.samplers.WalkBack(noise, "gaussian", math.sqrt(posterior))
    x = walk(Tweedie(), np.full([CHAINS, 1], 3.0), 30, seed=[1, 2]).numpy()
    assert abs(x.mean()) < 5 * math.sqrt(S2 / CHAINS)
    assert variance_is(x, S2)
    # The bare mean has a variance of a^2 NOISE2 / (1 - a^2), a = S2 / (S2 + NOISE2).
    share = S2 / (S2 + NOISE2)
    bare = kc.samplers.WalkBack(noise)(Tweedie(), x, 30, seed=[1, 2]).numpy()
    assert variance_is(bare, share**2 * NOISE2 / (1 - share**2))


def test_langevin_along_the_field_is_stationary_at_the_noisy_density():
    step, precision = 0.1, 1 / (S2 + NOISE2)
    walk = kc.samplers.DenoisingLangevin(math.sqrt(NOISE2), step)
    x = walk(Tweedie(), np.zeros([CHAINS, 1]), 100, seed=[1, 2]).numpy()
    assert variance_is(x, 1 / (precision * (1 - step * precision / 2)))
    cold = kc.samplers.DenoisingLangevin(math.sqrt(NOISE2), step, temperature=0.5)
    y = cold(Tweedie(), np.zeros([CHAINS, 1]), 100, seed=[1, 2]).numpy()
    np.testing.assert_allclose(y, x * math.sqrt(0.5), atol=1e-4)


class Bits(kc.energies.AutoencoderEnergy):
    event_shape = (4,)

    def call(self, x):
        return tf.reduce_sum(self.field(x) ** 2, axis=1)

    def reconstruct(self, x):
        return tf.zeros_like(self.points(x)) + 0.3


def test_walk_back_draws_bits():
    walk = kc.samplers.WalkBack(kc.augment.Masking(0.2), "bernoulli")
    x = walk(Bits(), np.ones([5000, 4]), 2, seed=[1, 2]).numpy()
    assert set(np.unique(x)) == {0, 1}
    assert abs(x.mean() - 0.3) < 5 * math.sqrt(0.21 / x.size)


def test_points_go_to_where_they_stay():
    found = kc.samplers.denoise(Tweedie(), [[4.0], [-1.0]], steps=200, tolerance=1e-3)
    assert found.converged.all()
    assert np.abs(found.points).max() < 3e-3
    assert found.steps < 50
    short = kc.samplers.denoise(Tweedie(), [[4.0], [1e-4]], steps=3, tolerance=1e-3)
    assert short.converged.tolist() == [False, True]
    assert short.steps == 3
    half = kc.samplers.denoise(Tweedie(), [[4.0]], steps=1, rate=0.5)
    np.testing.assert_allclose(half.points, [[4 * (1 - 0.5 * NOISE2 / (S2 + NOISE2))]])


@pytest.mark.parametrize(
    "walk",
    [
        kc.samplers.WalkBack(kc.augment.GaussianNoise(0.3), "gaussian", 0.1, seed=1),
        kc.samplers.DenoisingLangevin(0.3, 0.05, seed=1),
    ],
)
def test_they_are_samplers_as_others(walk):
    rebuilt = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(walk)
    )
    x = np.ones([3, 1], np.float32)
    first = walk(Tweedie(), x, 4, seed=[1, 2])
    np.testing.assert_array_equal(first, rebuilt(Tweedie(), x, 4, seed=[1, 2]))
    compiled = tf.function(
        lambda x: walk(Tweedie(), x, 4, seed=[1, 2]), autograph=False, jit_compile=True
    )
    np.testing.assert_allclose(compiled(x), first, atol=1e-5)
    chain = walk.chain(Tweedie(), x, 4, seed=[1, 2], thin=2)
    np.testing.assert_array_equal(chain.samples[-1], first)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (
            lambda: kc.samplers.WalkBack(keras.layers.GaussianNoise(0.1)),
            TypeError,
            "`corruption`",
        ),
        (
            lambda: kc.samplers.WalkBack(kc.augment.Masking(0.1), "uniform"),
            ValueError,
            "`draw`",
        ),
        (
            lambda: kc.samplers.WalkBack(kc.augment.Masking(0.1), "gaussian", -1),
            ValueError,
            "`stddev`",
        ),
        (lambda: kc.samplers.DenoisingLangevin(0, 0.1), ValueError, "`stddev`"),
        (
            lambda: kc.samplers.DenoisingLangevin(0.1, 0.1)(
                kc.energies.Gaussian([0.0], 1.0), [[0.0]], 1
            ),
            TypeError,
            "`energy` must be of an autoencoder",
        ),
        (lambda: kc.samplers.denoise(Tweedie(), [[1.0]], 0), ValueError, "`steps`"),
        (
            lambda: kc.samplers.denoise(Tweedie(), [[1.0]], rate=0),
            ValueError,
            "`rate`",
        ),
        (
            lambda: kc.samplers.denoise(Tweedie(), [[1.0]], tolerance=0),
            ValueError,
            "`tolerance`",
        ),
    ],
)
def test_bad_arguments_are_refused(call, kind, words):
    with pytest.raises(kind, match=rf"(?s){words}.*Received: "):
        call()
