import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import keras_contrastive as kc
from keras_contrastive.evaluation.energy_annealing import Between
from keras_contrastive.evaluation.log_weights import estimate
from keras_contrastive.evaluation.rbm_annealing import _softplus_rise
from tests.evaluation.test_exact_log_partition import Shifted, strong_rbm
from tests.reference import oracle


def ais(energy, **options):
    return kc.evaluation.ais_log_partition(energy, **{"progress": False, **options})


def exact(energy, **options):
    return kc.evaluation.exact_log_partition(energy, **options)


def digits():
    images = load_digits().data / 16
    return (np.random.default_rng(0).random(images.shape) < images).astype(np.float32)


@pytest.fixture(scope="module")
def trained():
    """An RBM of 64 and 16 units, after 800 steps of PCD on digits."""
    x, generator = digits(), np.random.default_rng(1)
    kernel, b, c = 0.01 * generator.normal(size=(64, 16)), np.zeros(64), np.zeros(16)

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    particles = x[:100]
    for step in range(800):
        v = x[generator.integers(0, len(x), 100)]
        h = generator.random((100, 16)) < sigmoid(c + particles @ kernel)
        particles = generator.random((100, 64)) < sigmoid(b + h @ kernel.T)
        on, off = sigmoid(c + v @ kernel), sigmoid(c + particles @ kernel)
        rate = 0.1 * (1 - step / 800)
        kernel += rate * (v.T @ on - particles.T @ off) / 100
        b += rate * (v.mean(0) - particles.mean(0))
        c += rate * (on - off).mean(0)
    rbm = kc.energies.RBM(64, 16)
    for variable, value in zip(rbm.weights, (kernel, b, c), strict=True):
        variable.assign(value)
    return rbm


def repeated(one, size, reverse):
    """Runs of `size` chains each, cut from one of many."""
    parts = one.log_weights.reshape(-1, size)
    return [estimate(part, reverse) for part in parts]


def check_unbiased(log_weights, log_z):
    """The mean weight is Z up to 4.5 standard errors: a false alarm in 10^5."""
    ratio = np.exp(log_weights - log_z)
    assert np.std(ratio) < 4  # Else the error bars mean little.
    assert abs(ratio.mean() - 1) < 4.5 * ratio.std() / np.sqrt(len(ratio))


def check_both(run, log_z):
    check_unbiased(run.forward.log_weights, log_z)
    check_unbiased(-run.reverse.log_weights, -log_z)


def test_a_trained_rbm_within_a_fifth_of_a_nat(trained):
    log_z = exact(trained)
    assert np.std(trained.kernel) > 0.2
    run = ais(trained, chains=100, temperatures=500, seed=1)
    for one in (run.forward, run.reverse):
        assert one.log_z == pytest.approx(log_z, abs=0.2)
        assert abs(one.log_z - log_z) < 4.5 * one.standard_error
        assert one.standard_error < 0.05
        assert 50 < one.effective_sample_size <= 100
    assert run[:3] == run.forward[:3]
    assert run.reverse_is_exact
    from_data = ais(trained, temperatures=500, data=digits(), reverse=False)
    assert from_data.log_z == pytest.approx(log_z, abs=0.2)
    assert from_data.reverse is None
    assert not from_data.reverse_is_exact


def test_error_bars_and_bounds_in_repeated_runs():
    """Short paths, so that the bounds are apart and the errors large."""
    rbm = strong_rbm(12, 6, scale=1.0)
    log_z = exact(rbm)
    run = ais(rbm, chains=4000, temperatures=8)
    check_both(run, log_z)
    for one, back in ((run.forward, False), (run.reverse, True)):
        runs = repeated(one, 50, back)
        values = np.array([each.log_z for each in runs])
        errors = np.array([each.standard_error for each in runs])
        # Two standard errors hold 95% of normal estimates; these are skewed, and of
        # 80 runs nine in ten would miss 0.8 fewer than one time in 1,000.
        assert np.mean(np.abs(values - log_z) < 2 * errors) > 0.8
        assert errors.mean() == pytest.approx(values.std(), rel=0.25)
    # Of few chains, the bounds are below and above by more than chance explains.
    few = [
        np.array([each.log_z for each in repeated(one, 5, back)]) - log_z
        for one, back in ((run.forward, False), (run.reverse, True))
    ]
    lower, upper = (values.mean() / values.std() * np.sqrt(800) for values in few)
    assert lower < -4
    assert upper > 4


@pytest.mark.parametrize("temperatures", [1, [0, 0.03, 0.2, 0.75, 1]])
def test_any_path_is_unbiased(temperatures):
    """Also that of one jump, and uneven ones: each t counts once."""
    rbm = strong_rbm(6, 4, scale=0.5, seed=2)
    check_both(ais(rbm, chains=4000, temperatures=temperatures), exact(rbm))


@pytest.mark.parametrize("data", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gaussian_units(data, dtype):
    rbm = strong_rbm(3, 4, "gaussian", stddev=0.8, scale=0.5, dtype=dtype)
    x = kc.evaluation.exact_samples(rbm, 500) if data else None
    run = ais(rbm, chains=2000, temperatures=40, data=x)
    check_both(run, exact(rbm))
    assert run.standard_error < 0.05


def test_without_couplings_no_weight_differs():
    rbm = strong_rbm(30, 5)
    rbm.kernel.assign(tf.zeros_like(rbm.kernel))
    run = ais(rbm, chains=10, temperatures=7)
    np.testing.assert_allclose(run.forward.log_weights, exact(rbm), rtol=1e-6)
    assert run.effective_sample_size == pytest.approx(10)
    assert run.standard_error < 1e-5


@pytest.mark.parametrize(
    ("sampler", "steps"),
    [
        (lambda: kc.samplers.Gibbs(), 1),
        (lambda: kc.samplers.Metropolis(), 3),
        (lambda: kc.samplers.GibbsWithGradients(), 2),
    ],
)
def test_bits_with_a_sampler(sampler, steps, monkeypatch):
    # One stretch: else each t would have a seed of its own by being one.
    monkeypatch.setattr("keras_contrastive.evaluation.ais._MOVES", 1)
    machine = kc.energies.BoltzmannMachine(6, stddev=0.8, seed=1)
    run = ais(machine, chains=2000, temperatures=12, sampler=sampler(), steps=steps)
    check_both(run, exact(machine))
    assert run.standard_error < 0.1


def test_reals_with_a_sampler():
    mixture = kc.energies.GaussianMixture([[1.0, 0.5], [-1.5, 0.0]], 0.4, [0.3, 0.7])
    energy = Shifted(mixture)
    options = {"chains": 1000, "temperatures": 30, "sampler": kc.samplers.MALA(0.1)}
    run = ais(energy, samples=mixture.sample(1000, seed=(1, 2)), **options)
    assert not run.reverse_is_exact
    check_both(run, -2)
    assert run.standard_error < 0.1
    # Given data, the base is as wide as they are, and the weights more even.
    near = ais(energy, data=mixture.sample(1000, seed=(3, 4)), **options)
    check_unbiased(near.forward.log_weights, -2)
    assert near.standard_error < run.standard_error
    assert near.reverse is None
    # A base of one's own; a `Density` has exact samples.
    wide = kc.energies.Gaussian([0.0, 0.0], 2.0)
    own = ais(mixture, base=wide, **{**options, "temperatures": 10})
    check_both(own, 0)
    assert own.reverse_is_exact


def test_a_flip_between_two_energies_is_mixed_of_theirs():
    """And asks neither end for energies where it knows what a flip does."""
    machine = kc.energies.BoltzmannMachine(5, stddev=1.0, seed=2)
    other = kc.energies.BoltzmannMachine(5, stddev=1.0, seed=3)
    between = Between(other, machine, tf.constant(0.3))
    x = oracle.states(5)
    slow = kc.energies.Energy.flip_differences(between, x)
    np.testing.assert_allclose(between.flip_differences(x), slow, atol=1e-5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kc.energies.BoltzmannMachine, "call", None)
        difference = between.site_differences()
        columns = [difference(x, tf.constant(site)) for site in range(5)]
    np.testing.assert_allclose(np.stack(columns, 1), slow, atol=1e-5)


def test_images_of_bits_keep_their_shape():
    bits = kc.energies.Bernoulli(np.linspace(0.1, 0.9, 6).reshape(2, 3))
    sampler = kc.samplers.Metropolis()
    run = ais(Shifted(bits), chains=500, temperatures=10, sampler=sampler)
    check_both(run, -2)


def test_more_temperatures_bring_the_bounds_together(trained):
    gaps = []
    for temperatures in (10, 100):
        run = ais(trained, chains=100, temperatures=temperatures)
        gaps.append(run.reverse.log_weights.mean() - run.forward.log_weights.mean())
    assert 0 < gaps[1] < gaps[0] / 3


def test_seeds_reproduce():
    rbm = strong_rbm(6, 4)
    first, again, other = (
        ais(rbm, chains=5, temperatures=5, seed=s) for s in (1, 1, 2)
    )
    numpy = ais(rbm, chains=np.int64(5), temperatures=np.int32(5), seed=np.uint8(1))
    assert numpy[:3] == first[:3]
    for a, b, c in zip(first[3:5], again[3:5], other[3:5], strict=True):
        np.testing.assert_array_equal(a.log_weights, b.log_weights)
        assert not np.isin(a.log_weights, c.log_weights).any()
    assert len(np.unique(first.forward.log_weights)) == 5


def test_one_graph_serves_all_stretches_and_both_directions(monkeypatch):
    traces = []
    plain = kc.energies.RBM.visible_energy
    monkeypatch.setattr(
        kc.energies.RBM,
        "visible_energy",
        lambda self, v: traces.append(1) or plain(self, v),
    )
    # 250 temperatures in stretches of 3, the last one shorter.
    ais(strong_rbm(30, 4), chains=5, temperatures=250, reverse=False)
    # Beside them a look at where the chains start.
    assert 1 <= len(traces) <= 3


def test_progress_bar(capsys):
    rbm = strong_rbm(5, 3)
    ais(rbm, chains=3, temperatures=40, progress=False)
    assert capsys.readouterr().out == ""
    ais(rbm, chains=3, temperatures=40, progress=True)
    assert "80/80" in capsys.readouterr().out
    ais(rbm, chains=3, temperatures=40, progress=True, reverse=False)
    assert "40/40" in capsys.readouterr().out


def test_weights_are_left_alone():
    rbm = strong_rbm(5, 3)
    before = [w.numpy() for w in rbm.weights]
    ais(rbm, chains=3, temperatures=3)
    for old, new in zip(before, rbm.weights, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(("before", "now"), [(0.4, 0.40001), (0.1, 0.9), (1.0, 0.0)])
def test_softplus_rises_are_exact_for_steps_of_any_size(before, now):
    logits = np.array([[-80.0, -3.0, 0.0, 1e-3, 7.0, 30.0, 300.0]])
    low, high = (
        np.logaddexp(0, np.float64(np.float32(t)) * logits) for t in (before, now)
    )
    for columns in (slice(0, 5), slice(None)):
        expected = (high - low)[:, columns].sum(1)
        x = tf.constant(logits[:, columns], tf.float32)
        on = tf.sigmoid(now * x)
        got = _softplus_rise(x, tf.constant(before), tf.constant(now), on)
        scale = np.abs(high - low).max()
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=2e-6 * (1 + scale))


def test_small_rises_do_not_drown_in_rounding():
    """Ten thousand steps add up to the whole rise, to a part in 10^5."""
    logits = np.random.default_rng(0).normal(size=(1, 500)) * 8
    x = tf.constant(logits, tf.float32)
    places = np.linspace(0, 1, 2001).astype(np.float32)
    step = tf.function(lambda a, b: _softplus_rise(x, a, b, tf.sigmoid(b * x)))
    total = sum(
        float(step(*map(tf.constant, pair))[0]) for pair in itertools.pairwise(places)
    )
    expected = (np.logaddexp(0, logits) - np.log(2)).sum()
    assert total == pytest.approx(expected, rel=1e-5)


def test_estimate_equals_its_definition():
    logs = np.array([1.0, 2.0, 4.0]) + 900
    w = np.exp(logs - 900)
    forward, reverse = estimate(logs), estimate(logs, reverse=True)
    assert forward.log_z == pytest.approx(900 + np.log(w.mean()))
    assert reverse.log_z == pytest.approx(900 - np.log((1 / w).mean()))
    error = np.std(w, ddof=1) / w.mean() / np.sqrt(3)
    assert forward.standard_error == pytest.approx(error)
    assert forward.effective_sample_size == pytest.approx(w.sum() ** 2 / (w**2).sum())


class Walled(kc.energies.Energy):
    """A steep bowl within four walls."""

    event_shape = (2,)

    def call(self, x):
        inside = tf.reduce_all(tf.abs(x) < 1, 1)
        return tf.where(inside, 8 * tf.reduce_sum(x**2, 1) + 3, np.inf)


def test_walls_are_for_a_base_within_them():
    log_z = 2 * np.log(np.sqrt(np.pi / 8) * math.erf(np.sqrt(8))) - 3
    options = {"chains": 1000, "temperatures": 10, "sampler": kc.samplers.MALA(0.02)}
    box = kc.energies.Uniform(-1.0, 1.0, (2,))
    run = ais(Walled(), base=box, **options)
    check_unbiased(run.forward.log_weights, log_z)
    assert run.standard_error < 0.1
    with pytest.raises(ValueError, match=r"`base` must lie where .* of 1000 points"):
        ais(Walled(), **options)
    with pytest.raises(ValueError, match=r"`samples` must lie where .* 1 of 3 points"):
        ais(Walled(), base=box, samples=[[0, 0], [0, 1.5], [0.5, 0.5]], **options)


class Broken(kc.energies.Energy):
    event_shape = (2,)

    def call(self, x):
        return tf.reduce_sum(x, 1) * np.nan


RBM = kc.energies.RBM(6, 4)
GAUSSIAN = kc.energies.Gaussian([0.0, 0.0])
WALK = {"sampler": kc.samplers.Metropolis()}


@pytest.mark.parametrize(
    ("energy", "options", "message"),
    [
        (RBM / 2.0, {}, "`energy` must have temperature 1.*temperature 2"),
        (GAUSSIAN / 3.0, WALK, "`energy` must have temperature 1.*temperature 3"),
        (GAUSSIAN, {}, "`sampler` must be given.*Gaussian"),
        (
            GAUSSIAN,
            {"sampler": kc.samplers.Langevin(0.1, 0.5)},
            "`sampler` must have temperature 1.*temperature 0.5",
        ),
        (GAUSSIAN, {"sampler": kc.samplers.Langevin(0.1)}, "MALA"),
        (GAUSSIAN, {"sampler": kc.samplers.Gibbs()}, "over bits"),
        (RBM, {"sampler": kc.samplers.MALA(0.1)}, "over reals"),
        (
            kc.energies.RBM(2, 3, "gaussian"),
            {"sampler": kc.samplers.Gibbs()},
            "`sampler` must be left out",
        ),
        (RBM, {"chains": 1}, "`chains`"),
        (RBM, {"seed": -1}, "`seed`"),
        (RBM, {"steps": 2}, "`steps` must be 1"),
        (RBM, {"temperatures": 0}, "`temperatures`"),
        (RBM, {"temperatures": [0, 0.5]}, "`temperatures`.*from 0 to 1"),
        (RBM, {"temperatures": [1, 0.5, 0]}, "`temperatures`.*from 0 to 1"),
        (RBM, {"temperatures": [0, 0.5, 0.5, 1]}, "`temperatures`"),
        (GAUSSIAN, {**WALK, "steps": 0}, "`steps`"),
        (RBM, {"data": np.full((3, 6), 0.5)}, "`data` must be bits.*0.5"),
        (RBM, {"data": np.zeros((3, 5))}, r"`data`.*\(3, 5\)"),
        (RBM, {"samples": np.zeros((3, 5))}, r"`samples`.*\(3, 5\)"),
        (RBM, {"samples": np.zeros((1, 6))}, "`samples`"),
        (RBM, {"base": kc.energies.Bernoulli(np.full(6, 0.5))}, "`base`"),
        (GAUSSIAN, {**WALK, "base": kc.energies.Gaussian([0.0])}, r"`base`.*\(1,\)"),
        (GAUSSIAN, {**WALK, "data": [[0.0, np.inf]]}, "`data` must be finite.*inf"),
        (
            kc.energies.NetworkEnergy.mlp((21,), (4,), domain="bits"),
            {},
            "`sampler` must be given.*NetworkEnergy",
        ),
    ],
)
def test_bad_input(energy, options, message):
    with pytest.raises(ValueError, match=message):
        ais(energy, **{"chains": 3, "temperatures": 2, **options})


def test_kinds_that_do_not_fit():
    with pytest.raises(TypeError, match="`energy`"):
        ais(lambda x: x)
    with pytest.raises(TypeError, match="`sampler`"):
        ais(RBM, sampler="gibbs")
    with pytest.raises(TypeError, match="`base`"):
        ais(GAUSSIAN, base="normal", **WALK)
    for name in ("chains", "steps", "seed"):
        with pytest.raises(TypeError, match=f"`{name}` must be an integer.*=2.5"):
            ais(RBM, **{name: 2.5})


def test_energies_that_are_not_numbers():
    with pytest.raises(ValueError, match=r"`energy` must give numbers.*3 of 3"):
        ais(Broken(), chains=3, temperatures=2, **WALK)
    rbm = kc.energies.RBM(4, 2)
    rbm.visible_biases.assign([0.0, 0.0, np.nan, 0.0])
    with pytest.raises(ValueError, match="`energy` must have finite weights"):
        ais(rbm, chains=3, temperatures=2)


def test_a_likelihood_from_an_estimate(trained):
    x = digits()[:500]
    run = ais(trained, chains=100, temperatures=300, reverse=False)
    mean, error = kc.evaluation.mean_log_likelihood(trained, x, run)
    log_z = exact(trained)
    truth, only_points = kc.evaluation.mean_log_likelihood(trained, x, log_z)
    assert mean == pytest.approx(truth + log_z - run.log_z, abs=1e-9)
    assert error == pytest.approx(np.hypot(only_points, run.standard_error))
