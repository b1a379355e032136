import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.reference import oracle

X = oracle.states(4).astype("f")


def machine(seed=0, dtype="float32"):
    return kc.energies.BoltzmannMachine(4, stddev=1.0, seed=seed, dtype=dtype)


def rbm():
    energy = kc.energies.RBM(4, 3)
    energy.kernel.assign(np.random.default_rng(1).normal(size=(4, 3)))
    return energy


class Counted(kc.energies.BoltzmannMachine):
    """Counts its evaluations, to see that the closed form is used."""

    evaluations = 0

    def call(self, x):
        self.evaluations += 1
        return super().call(x)


CASES = {
    "sum": (lambda a, b: a + b, lambda a, b: a + b),
    "three": (lambda a, b: a + b + a, lambda a, b: 2 * a + b),
    "python_sum": (lambda a, b: sum([a, b]), lambda a, b: a + b),
    "scaled": (lambda a, b: 2.0 * a, lambda a, b: 2 * a),
    "scaled_right": (lambda a, b: a * 3, lambda a, b: 3 * a),
    "numpy_scaled": (lambda a, b: np.float64(2.0) * a, lambda a, b: 2 * a),
    "tempered": (lambda a, b: a / 4, lambda a, b: a / 4),
    "mixed": (lambda a, b: (0.25 * a + 0.75 * b) / 2, lambda a, b: a / 8 + 3 * b / 8),
}


@pytest.mark.parametrize("name", CASES)
def test_energies_scores_and_flips_are_those_of_the_parts(name):
    combine, expected = CASES[name]
    a, b = machine(), rbm()
    energy = combine(a, b)
    assert isinstance(energy, kc.energies.Energy)
    assert (energy.domain, energy.event_shape) == ("bits", (4,))
    for ours, parts in [
        (energy(X), (a(X), b(X))),
        (energy.score(X), (a.score(X), b.score(X))),
        (energy.flip_differences(X), (a.flip_differences(X), b.flip_differences(X))),
        (energy.energy_and_score(X)[0], (a(X), b(X))),
    ]:
        parts = [part.numpy() for part in parts]
        np.testing.assert_allclose(ours, expected(*parts), rtol=1e-5, atol=1e-5)
    assert energy(X).dtype == tf.float32


@pytest.mark.parametrize("name", CASES)
def test_the_weights_of_the_parts_are_trained(name):
    energy = CASES[name][0](machine(), rbm())
    names = {v.path for v in energy.trainable_variables}
    assert len(names) == (2 if "scaled" in name or name == "tempered" else 5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(energy(X))
    for gradient in tape.gradient(loss, energy.trainable_variables):
        assert np.abs(gradient).max() > 0


def test_flips_keep_their_closed_form():
    a = Counted(4, stddev=1.0)
    energy = (a + a) / 2.0
    energy.flip_differences(X)
    assert a.evaluations == 0


def test_the_temperature_is_told():
    a, b = machine(), rbm()
    assert a.temperature == 1
    assert (a / 4).temperature == 4
    assert (2.0 * a).temperature == 0.5
    assert (a / 4 / 2).temperature == 8
    assert (a / 2 + b / 2).temperature == 2
    assert (a / 2 + b).temperature == 1
    assert (a / 2 + b / 4).temperature == 1
    assert ((a + b) / 3).temperature == 3
    # A density's Z is 1, but not at another temperature.
    assert not hasattr(kc.energies.Gaussian([0.0]) / 2, "log_partition")


def test_tempering_a_gaussian_widens_it():
    hot = kc.energies.Gaussian([1.0], 2.0) / 3
    wide = kc.energies.Gaussian([1.0], 6.0)
    x = np.linspace(-3, 5, 9)[:, None]
    difference = hot(x) - wide(x)
    np.testing.assert_allclose(difference, np.full(9, difference[0]), atol=1e-5)
    np.testing.assert_allclose(hot.score(x), wide.score(x), rtol=1e-5)


def test_a_finer_dtype_is_kept():
    energy = (machine(dtype="float64") + machine(1, dtype="float64")) / 2
    assert energy(X).dtype == tf.float64
    assert energy.score(X).dtype == tf.float64


@pytest.mark.parametrize("name", CASES)
def test_it_saves_and_loads(name, tmp_path):
    energy = CASES[name][0](machine(), rbm())
    inputs = keras.Input([4])
    model = keras.Model(inputs, energy(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(X), energy(X))
    assert again.layers[-1].temperature == energy.temperature


def test_xla_gives_the_same():
    energy = (machine() + rbm()) / 2

    def all_three():
        return *energy.energy_and_score(X), energy.flip_differences(X)

    compiled = tf.function(all_three, jit_compile=True)()
    for ours, theirs in zip(compiled, all_three(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_bad_input_is_named():
    a = machine()
    for factor in (0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"`factor`.*Received: "):
            factor * a
        with pytest.raises(ValueError, match=r"`temperature`.*Received: "):
            a / (factor or -0.0)
    for other in (1, "a", None):
        with pytest.raises(TypeError, match="unsupported operand"):
            a + other
    with pytest.raises(TypeError, match="can't multiply"):
        a * "2"
    with pytest.raises(ValueError, match=r"share a domain.*Received: .*'reals'"):
        a + kc.energies.Gaussian(np.zeros(4))
    with pytest.raises(ValueError, match=r"event shape.*Received: "):
        a + kc.energies.BoltzmannMachine(5)
    with pytest.raises(ValueError, match=r"`energies`.*Received: none"):
        kc.energies.SumEnergy([])
    with pytest.raises(TypeError, match=r"`energies`.*Received: 3"):
        kc.energies.SumEnergy([a, 3])
    with pytest.raises(TypeError, match=r"`energy`.*Received: 3"):
        kc.energies.TemperedEnergy(3, 1.0)
