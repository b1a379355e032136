import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.reference import energy_losses as slow

MATRIX = np.array([[1.5, 0.4, -0.3], [0.4, 0.8, 0.2], [-0.3, 0.2, 2.0]])


def hills(x):
    """A function of three numbers that is no quadratic."""
    return np.sin(x[0] * x[1]) + x[2] ** 4 / 8 + 0.5 * x @ MATRIX @ x + x[0]


class Hills(kc.energies.Energy):
    event_shape = (3,)

    def call(self, x):
        quadratic = tf.reduce_sum(x @ tf.constant(MATRIX, x.dtype) * x, 1) / 2
        return tf.sin(x[:, 0] * x[:, 1]) + x[:, 2] ** 4 / 8 + quadratic + x[:, 0]


class Normal(kc.energies.Energy):
    """On a line, with its mean and the logarithm of its precision to learn."""

    event_shape = (1,)

    def __init__(self, mean, variance):
        super().__init__(dtype="float64")
        constant = keras.initializers.Constant
        self.mean = self.add_weight(shape=(), initializer=constant(mean), name="mean")
        self.log_precision = self.add_weight(
            shape=(), initializer=constant(-np.log(variance)), name="log_precision"
        )

    def call(self, x):
        return tf.exp(self.log_precision) * (x[:, 0] - self.mean) ** 2 / 2


POINTS = np.random.default_rng(0).normal(size=(5, 3))
NOISE = np.random.default_rng(1).normal(size=(5, 3))


def test_score_matching_equals_the_slow_loop():
    expected = [slow.score_matching(hills, x) for x in POINTS]
    ours = kc.losses.score_matching(Hills(dtype="float64"), POINTS)
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    single = kc.losses.score_matching(Hills(), POINTS)
    assert single.dtype == tf.float32
    np.testing.assert_allclose(single, expected, rtol=1e-5)


@pytest.mark.parametrize("slices", [None, 1, 2])
def test_the_energy_is_evaluated_once(slices, monkeypatch):
    sizes = []
    call = Hills.call
    monkeypatch.setattr(Hills, "call", lambda s, x: sizes.append(len(x)) or call(s, x))
    kc.losses.score_matching(Hills(), POINTS, slices)
    assert sizes == [5 * (slices or 3)]


def test_the_trace_is_a_sum_over_dimensions_of_any_shape():
    class Square(kc.energies.Energy):
        def call(self, x):
            return tf.reduce_sum(x**2, [1, 2])

    loss = kc.losses.score_matching(Square(), np.ones([2, 3, 4], "f"))
    np.testing.assert_allclose(loss, [12 * 2 - 12 * 2] * 2)  # 1/2 * 12 * 2^2 - 12 * 2


def test_an_energy_that_is_linear_has_no_curvature():
    class Plane(kc.energies.Energy):
        def call(self, x):
            return 3 * x[:, 0] + 4 * x[:, 1]

    loss = kc.losses.score_matching(Plane(), np.ones([2, 2], "f"))
    np.testing.assert_allclose(loss, [12.5, 12.5])


def test_slices_have_the_trace_as_their_mean():
    energy = Hills(dtype="float64")
    exact = kc.losses.score_matching(energy, POINTS)
    many = kc.losses.score_matching(energy, POINTS, slices=20000, seed=[3, 4])
    # v^T H v varies by 2 sum_{i != j} H_ij^2 < 4; 5 standard errors of the mean.
    np.testing.assert_allclose(many, exact, atol=5 * 2 / np.sqrt(20000))

    class Bowl(kc.energies.Energy):
        def call(self, x):
            return tf.reduce_sum([1.0, 2.0, 3.0] * x**2, 1) / 2

    # Of a diagonal Hessian each sign vector gives the trace itself.
    bowl = Bowl()
    one = kc.losses.score_matching(bowl, POINTS, slices=1, seed=[0, 1])
    np.testing.assert_allclose(one, kc.losses.score_matching(bowl, POINTS), rtol=1e-5)


def test_slices_are_drawn_by_their_seed():
    def draw(seed=None):
        return kc.losses.score_matching(Hills(), POINTS, 1, seed).numpy()

    np.testing.assert_array_equal(draw([1, 2]), draw([1, 2]))
    assert (draw([1, 2]) != draw([1, 3])).any()
    keras.utils.set_random_seed(1)
    drawn = [draw() for _ in range(8)]
    assert len(set(map(bytes, drawn))) > 1
    keras.utils.set_random_seed(1)
    np.testing.assert_array_equal(draw(), drawn[0])


@pytest.mark.parametrize("stddev", [0.1, 1.0, 3.0])
def test_denoising_equals_the_slow_loop(stddev):
    ours = kc.losses.denoising_score_matching(
        Hills(dtype="float64"), POINTS, stddev, noise=NOISE
    )
    expected = [
        slow.denoising_score_matching(hills, x, stddev, n)
        for x, n in zip(POINTS, NOISE, strict=True)
    ]
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_denoising_draws_normal_noise_by_its_seed():
    flat = kc.energies.RBM(2, 1, "gaussian", stddev=1e6)  # No slope: 1/2 |n|^2 / s^2.

    def draw(seed=None):
        zeros = np.zeros([20000, 2], "f")
        return kc.losses.denoising_score_matching(flat, zeros, 0.5, seed=seed).numpy()

    # |n|^2 / 2 is exponential with mean and standard deviation 1; five of its errors.
    np.testing.assert_allclose(draw([0, 7]).mean() / 4, 1, atol=5 / np.sqrt(20000))
    np.testing.assert_array_equal(draw([0, 7]), draw([0, 7]))
    assert (draw() != draw()).any()


def quadrature(mean, variance, points=40):
    """Points and weights that integrate polynomials under N(mean, variance) exactly."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    return mean + np.sqrt(variance) * nodes[:, None], weights / weights.sum()


def slopes(energy, loss, weights):
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(weights * loss(energy))
    return np.array(tape.gradient(total, energy.trainable_variables))


def test_the_optimum_of_score_matching_is_the_data():
    x, weights = quadrature(1.0, 0.5)

    def loss(energy):
        return kc.losses.score_matching(energy, x)

    assert np.abs(slopes(Normal(1.0, 0.5), loss, weights)).max() < 1e-6
    assert np.abs(slopes(Normal(1.1, 0.6), loss, weights)).min() > 1e-2


def test_the_optimum_of_denoising_is_the_smoothed_data():
    x, wx = quadrature(1.0, 0.5)
    noise, wn = quadrature(0.0, 1.0)
    i, j = (index.ravel() for index in np.indices([40, 40]))
    weights = wx[i] * wn[j]

    def loss(energy):
        return kc.losses.denoising_score_matching(energy, x[i], 0.7, noise=noise[j])

    smoothed = Normal(1.0, 0.5 + 0.7**2)
    assert np.abs(slopes(smoothed, loss, weights)).max() < 1e-6
    assert np.abs(slopes(Normal(1.0, 0.5), loss, weights)).max() > 1e-2


@pytest.mark.parametrize("slices", [None, 2])
def test_xla_gives_the_same_loss_and_gradient(slices):
    network = keras.Sequential(
        [keras.Input([3]), keras.layers.Dense(4, "swish"), keras.layers.Dense(1)]
    )

    class Net(kc.energies.Energy):
        def call(self, x):
            return network(x)[:, 0]

    energy = Net()

    def both():
        with tf.GradientTape() as tape:
            one = kc.losses.score_matching(energy, POINTS, slices, [1, 2])
            two = kc.losses.denoising_score_matching(energy, POINTS, 0.3, seed=[1, 2])
        return one, two, *tape.gradient([one, two], network.trainable_variables[:3])

    for ours, theirs in zip(tf.function(both, jit_compile=True)(), both(), strict=True):
        assert np.abs(ours).max() > 0
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_bad_input_is_named():
    bits = kc.energies.BoltzmannMachine(3)
    energy = Hills()
    for loss in (
        kc.losses.score_matching,
        lambda e, x: kc.losses.denoising_score_matching(e, x, 1.0),
    ):
        with pytest.raises(ValueError, match=r"`energy`.*reals.*Received: Boltz"):
            loss(bits, POINTS)
        with pytest.raises(ValueError, match=r"`x` must have shape.*Received: "):
            loss(energy, POINTS[:, :2])
    for slices in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match=r"`slices`.*Received: "):
            kc.losses.score_matching(energy, POINTS, slices)
    denoising = kc.losses.denoising_score_matching
    for stddev in (0, -1, float("inf")):
        with pytest.raises(ValueError, match=r"`stddev`.*Received: "):
            denoising(energy, POINTS, stddev)
    with pytest.raises(ValueError, match=r"`noise`.*Received: \(5, 2\)"):
        denoising(energy, POINTS, 1.0, noise=NOISE[:, :2])
    with pytest.raises(ValueError, match=r"`noise` and `seed`.*Received: "):
        denoising(energy, POINTS, 1.0, noise=NOISE, seed=[1, 2])
