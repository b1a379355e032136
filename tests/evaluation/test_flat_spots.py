import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc

MU, S2, NOISE2 = 1.5, 0.2, 0.3


class TwoModes(kc.energies.AutoencoderEnergy):
    """The best r for modes at x = +-MU of variance S2 in the plane, in closed form."""

    event_shape = (2,)

    def __init__(self, mu=MU):
        super().__init__()
        self.mu = mu

    def call(self, x):
        return tf.reduce_sum(self.field(x) ** 2, axis=1)

    def reconstruct(self, x):
        x = self.points(x)
        total = S2 + NOISE2
        pull = self.mu * tf.tanh(self.mu * x[:, :1] / total)
        towards = tf.concat([pull, tf.zeros_like(pull)], axis=1)
        return (S2 * x + NOISE2 * towards) / total


def data():
    rng = np.random.default_rng(0)
    side = rng.choice([-MU, MU], 400)
    return np.stack([side, np.zeros(400)], 1) + 0.2 * rng.normal(size=(400, 2))


def mode():
    """Where r(x) = x beside 0: x = mu tanh(mu x / (s^2 + sigma^2)), by iteration."""
    x = MU
    for _ in range(200):
        x = MU * np.tanh(MU * x / (S2 + NOISE2))
    return x


def test_the_midpoint_of_two_modes_is_found_and_is_false():
    found = kc.evaluation.flat_spots(TwoModes(), (-3, 3), data(), off_data=0.3)
    assert len(found.points) == 3
    np.testing.assert_allclose(found.points[0], [0, 0], atol=1e-4)
    assert found.kinds == ["saddle", "attracting", "attracting"]
    assert found.false.tolist() == [True, False, False]
    others = found.points[1:][np.argsort(found.points[1:, 0])]
    np.testing.assert_allclose(others, [[-mode(), 0], [mode(), 0]], atol=1e-4)
    assert found.distances[0] > 0.3 > found.distances[1]


def test_modes_that_the_noise_covers_have_no_midpoint_that_repels():
    """Where mu^2 < s^2 + sigma^2 there is one zero, and it attracts."""
    near = TwoModes(mu=0.5)
    found = kc.evaluation.flat_spots(near, (-3, 3), [[0.0, 0.0]], off_data=0.3)
    assert found.kinds == ["attracting"]
    assert not found.false.any()


def test_where_points_move_everywhere_nothing_is_found():
    class Shift(TwoModes):
        def reconstruct(self, x):
            return self.points(x) + 1.0

    found = kc.evaluation.flat_spots(Shift(), (-1, 1), [[0.0, 0.0]], off_data=0.1)
    assert found.points.shape == (0, 2)
    assert found.kinds == []
    assert found.false.shape == found.distances.shape == (0,)


def test_on_a_segment_the_flat_spot_is_told_from_the_modes():
    first, second = [-2.5, 0.0], [3.5, 0.0]
    found = kc.evaluation.flat_spots_between(TwoModes(), first, second, nodes=601)
    expected = [(x + 2.5) / 6 for x in (-mode(), 0, mode())]
    np.testing.assert_allclose(found.minima, expected, atol=2 / 600)
    assert found.false.tolist() == [False, True, False]
    at = np.array([[-2.5 + 6 * found.positions[100], 0.0]], np.float32)
    np.testing.assert_allclose(found.energies[100], TwoModes()(at)[0], rtol=1e-5)
    moved = TwoModes().field(at).numpy()[0, 0]
    np.testing.assert_allclose(found.along[100], moved / 6, rtol=1e-5)


def test_a_segment_between_images_is_a_segment():
    class Halves(kc.energies.AutoencoderEnergy):
        event_shape = (2, 2, 1)

        def call(self, x):
            return tf.reduce_sum(self.field(x) ** 2, axis=[1, 2, 3])

        def reconstruct(self, x):
            x = self.points(x)
            return x + 0.1 * (x - 0.5)

    zeros, ones = np.zeros([2, 2, 1]), np.ones([2, 2, 1])
    found = kc.evaluation.flat_spots_between(Halves(), zeros, ones, nodes=101)
    np.testing.assert_allclose(found.minima, [0.5])
    assert found.false.tolist() == [True]


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (
            lambda f, g: f(kc.energies.Gaussian([0.0, 0], 1.0), (-1, 1), [[0, 0]], 1),
            TypeError,
            "`energy`",
        ),
        (lambda f, g: f(TwoModes(), (-1, 1), [0, 0], 1), ValueError, "`data`"),
        (lambda f, g: f(TwoModes(), (-1, 1), [[0, 0]], 0), ValueError, "`off_data`"),
        (lambda f, g: f(TwoModes(), (1, -1), [[0, 0]], 1), ValueError, "`bounds`"),
        (lambda f, g: g(TwoModes(), [0, 0], [0, 0]), ValueError, "`first`"),
        (lambda f, g: g(TwoModes(), [0, 0], [0, 1], nodes=3), ValueError, "`nodes`"),
    ],
)
def test_bad_arguments_are_refused(call, kind, words):
    with pytest.raises(kind, match=rf"(?s){words}.*Received: "):
        call(kc.evaluation.flat_spots, kc.evaluation.flat_spots_between)
