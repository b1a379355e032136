import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.evaluation import enumeration
from tests.reference import oracle


def strong_rbm(visible, hidden, units="bernoulli", seed=0, scale=0.8, **options):
    """Weights far from 0, where nothing is nearly independent."""
    rbm = kc.energies.RBM(visible, hidden, units, **options)
    generator = np.random.default_rng(seed)
    for variable in rbm.weights:
        variable.assign(scale * generator.normal(size=variable.shape))
    return rbm


def slow_log_z(rbm):
    kernel, b, c = (np.float64(w.numpy()) for w in rbm.weights)
    x = oracle.states(rbm.visible)
    return oracle.log_partition(oracle.rbm_free_energy(kernel, b, c, x))


def log_z(energy, **options):
    return kc.evaluation.exact_log_partition(energy, **options)


class Bowl(kc.energies.Energy):
    """A tilted bowl in any shape of reals, with a flat floor outside of it."""

    def __init__(self, shape, floor=np.inf):
        super().__init__()
        self.event_shape = shape
        self.floor = floor
        self.built = True

    def call(self, x):
        x = tf.reshape(x, [-1, math.prod(self.event_shape)])
        bowl = tf.reduce_sum((x - 0.3) ** 2, 1) * 2
        return tf.minimum(bowl, self.floor)


class Sized(kc.energies.Energy):
    """An energy that may not know the size of its points."""

    def __init__(self, shape, domain="reals"):
        super().__init__()
        self.event_shape = shape
        self.domain = domain
        self.built = True

    def call(self, x):
        return tf.reduce_sum(tf.reshape(x, [tf.shape(x)[0], -1]), 1)


@pytest.mark.parametrize("block", [1, 2**6, 2**21])
def test_boltzmann_machine_equals_the_oracle(block, monkeypatch):
    monkeypatch.setattr(enumeration, "_BLOCK", block)
    machine = kc.energies.BoltzmannMachine(6, stddev=1.0, seed=1)
    couplings, biases = (w.numpy() for w in machine.weights)
    couplings = oracle.above_diagonal(couplings)
    energies = oracle.boltzmann_energy(couplings, biases, oracle.states(6))
    assert log_z(machine) == pytest.approx(oracle.log_partition(energies), abs=1e-5)


@pytest.mark.parametrize(("visible", "hidden"), [(7, 4), (4, 7), (5, 5)])
def test_rbm_over_either_layer_equals_the_oracle(visible, hidden):
    rbm = strong_rbm(visible, hidden)
    assert enumeration.enumeration(rbm).hidden == (hidden <= visible)
    assert log_z(rbm) == pytest.approx(slow_log_z(rbm), abs=1e-5)


def test_rbm_of_many_visible_units_is_counted_over_the_hidden_ones():
    """Without couplings log Z is known, whatever the number of visible units."""
    rbm = strong_rbm(300, 9)
    rbm.kernel.assign(tf.zeros_like(rbm.kernel))
    biases = np.concatenate([rbm.visible_biases.numpy(), rbm.hidden_biases.numpy()])
    assert log_z(rbm) == pytest.approx(np.logaddexp(0, np.float64(biases)).sum())


@pytest.mark.parametrize("stddev", [1.0, 0.5])
def test_gaussian_rbm_equals_quadrature(stddev):
    rbm = strong_rbm(2, 3, "gaussian", stddev=stddev)
    by_hidden = log_z(rbm)
    axis = np.linspace(-9, 9, 601)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    kernel, b, c = (np.float64(w.numpy()) for w in rbm.weights)
    v = points[:, None]  # (points, 1, 2)
    h = oracle.states(3)
    joint = ((v - b) ** 2).sum(-1) / (2 * stddev**2) - h @ c
    joint -= points @ kernel @ h.T / stddev**2
    slow = np.log(np.exp(-joint).sum() * (axis[1] - axis[0]) ** 2)
    assert by_hidden == pytest.approx(slow, abs=1e-5)


@pytest.mark.parametrize("shape", [(), (1,), (2,), (2, 1)])
@pytest.mark.parametrize("low", [-4, -6])
def test_quadrature_of_a_bowl(shape, low):
    d = math.prod(shape)
    expected = d / 2 * math.log(math.pi / 2)
    nodes = None if d == 1 else 101
    got = log_z(Bowl(shape), bounds=(low, 5), nodes=nodes)
    assert got == pytest.approx(expected, abs=1e-5)


def test_quadrature_with_bounds_of_each_axis():
    energy = kc.energies.Gaussian([3.0, -50.0], [1.0, 100.0])
    shifted = Shifted(energy)
    got = log_z(shifted, bounds=((-5, 11), (-140, 40)), nodes=129)
    assert got == pytest.approx(-2, abs=1e-5)


class Shifted(kc.energies.Energy):
    """An energy with another log Z, 2 lower, of which nothing is said."""

    def __init__(self, energy):
        super().__init__()
        self.energy = energy
        self.domain = energy.domain
        self.event_shape = energy.event_shape
        self.built = True

    def call(self, x):
        return self.energy(x) + 2


def test_closed_forms_are_used():
    well = kc.energies.DoubleWell(2.0, dimensions=40)
    assert log_z(well) == well.log_partition
    assert log_z(kc.energies.Gaussian(np.zeros(100))) == 0
    assert log_z(kc.energies.Bernoulli(np.full(100, 0.3))) == 0
    small = kc.energies.DoubleWell(2.0, dimensions=1)
    by_grid = log_z(Shifted(small), bounds=(-4, 4)) + 2
    assert by_grid == pytest.approx(small.log_partition, abs=1e-5)


def test_a_shift_of_the_energy_shifts_log_z():
    density = Shifted(kc.energies.Bernoulli([0.2, 0.9, 0.5]))
    assert log_z(density) == pytest.approx(-2, abs=1e-6)


def test_what_lies_beyond_the_bounds_is_noticed():
    with pytest.raises(ValueError, match=r"`bounds` must hold the mass.*\(-1.0, 1.0\)"):
        log_z(Bowl((1,)), bounds=(-1, 1))
    # Flat outside: there is no Z, however far the bounds.
    with pytest.raises(ValueError, match="`bounds`"):
        log_z(Bowl((1,), floor=8.0), bounds=(-100, 100))
    # Cut off at the bounds, on request: erf.
    cut = log_z(Bowl((1,)), bounds=(0.3, 0.8), tolerance=math.inf)
    expected = math.erf(0.5 * math.sqrt(2)) * math.sqrt(math.pi / 2) / 2
    assert cut == pytest.approx(math.log(expected), abs=1e-6)


def test_a_grid_that_is_too_coarse_is_noticed():
    with pytest.raises(ValueError, match=r"`nodes` must resolve.*\(11,\)"):
        log_z(Bowl((1,)), bounds=(-20, 20), nodes=11)


@pytest.mark.parametrize(
    ("energy", "options", "message"),
    [
        (lambda: kc.energies.BoltzmannMachine(21), {}, r"20 bits.*ais_log.*\(21,\)"),
        (lambda: kc.energies.RBM(21, 26), {}, "26 hidden"),
        (lambda: kc.energies.RBM(3, 26, "gaussian"), {}, "1 or 2 reals.*over 3"),
        (lambda: Bowl((3,)), {"bounds": (-1, 1)}, "1 or 2 reals"),
        (lambda: Sized((None, 2)), {}, r"known sizes.*Sized.*\(None, 2\)"),
        (lambda: Sized(None), {}, "known sizes.*Sized"),
        (lambda: Sized((None, 2), "bits"), {}, r"20 bits.*Sized.*\(None, 2\)"),
        (lambda: Sized(None, "bits"), {}, "20 bits.*Sized"),
        (lambda: Bowl((2,)), {}, "`bounds`.*None"),
        (lambda: Bowl((2,)), {"bounds": (1, 1)}, "`bounds`"),
        (lambda: Bowl((2,)), {"bounds": [(0, 1)] * 3}, "`bounds`"),
        (lambda: Bowl((1,)), {"bounds": (0, 1), "nodes": 10}, "`nodes`.*odd"),
        (lambda: Bowl((1,), np.nan), {"bounds": (0, 1)}, "NaN or -inf for 4097 of"),
        (lambda: kc.energies.RBM(4, 3) / 2.0, {}, "temperature 1.*temperature 2"),
        (lambda: kc.energies.DoubleWell() / 0.5, {}, "temperature 1.*temperature 0.5"),
    ],
)
def test_bad_input(energy, options, message):
    with pytest.raises(ValueError, match=message):
        log_z(energy(), **options)


def test_an_energy_that_is_none():
    with pytest.raises(TypeError, match="`energy`"):
        log_z(keras.layers.Dense(1))


def test_nan_weights():
    rbm = kc.energies.RBM(5, 3)
    rbm.hidden_biases.assign([0.0, np.nan, 0.0])
    with pytest.raises(ValueError, match="NaN or -inf for 8 of 8"):
        log_z(rbm)


def frequencies(samples):
    numbers = samples @ 2.0 ** np.arange(samples.shape[1])[::-1]
    return np.bincount(numbers.astype(int), minlength=2 ** samples.shape[1])


@pytest.mark.parametrize("hidden", [3, 8])
def test_exact_samples_follow_the_probabilities(hidden):
    """Chi-square over 32 states; false alarms: 1 in 10^5."""
    rbm = strong_rbm(5, hidden, scale=0.6)
    samples = kc.evaluation.exact_samples(rbm, 20_000, seed=3)
    assert samples.dtype == np.float32
    kernel, b, c = (np.float64(w.numpy()) for w in rbm.weights)
    free = oracle.rbm_free_energy(kernel, b, c, oracle.states(5))
    expected = 20_000 * oracle.probabilities(free)
    squares = (frequencies(samples) - expected) ** 2 / expected
    assert squares.sum() < 31 + 5.3 * math.sqrt(2 * 31)
    np.testing.assert_array_equal(
        samples, kc.evaluation.exact_samples(rbm, 20_000, seed=3)
    )
    other = kc.evaluation.exact_samples(rbm, 20_000, seed=4)
    assert not np.array_equal(samples, other)


def test_exact_samples_of_what_is_too_large():
    with pytest.raises(ValueError, match=r"`energy` must have at most 20 bits"):
        kc.evaluation.exact_samples(kc.energies.BoltzmannMachine(21), 3)
    with pytest.raises(ValueError, match="`count`"):
        kc.evaluation.exact_samples(kc.energies.BoltzmannMachine(2), -1)
    assert kc.evaluation.exact_samples(kc.energies.RBM(4, 2), 0).shape == (0, 4)
