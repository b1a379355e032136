import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.reference import densities as slow
from tests.reference import energy_losses, oracle

COVARIANCE = np.array([[2.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 0.5]])
MEAN = np.array([1.0, -2.0, 0.5])
MEANS = np.array([[2.0, 0.0], [-1.0, 1.0], [0.0, -3.0]])
COVARIANCES = np.array(
    [[[1.0, 0.3], [0.3, 0.5]], [[0.2, 0.0], [0.0, 0.4]], [[1.0, -0.6], [-0.6, 2.0]]]
)
WEIGHTS = np.array([0.5, 0.2, 0.3])
ON = np.array([0.1, 0.5, 0.8, 0.95])

MAKERS = {
    "Gaussian": lambda **k: kc.energies.Gaussian(MEAN, COVARIANCE, **k),
    "GaussianMixture": lambda **k: kc.energies.GaussianMixture(
        MEANS, COVARIANCES, WEIGHTS, **k
    ),
    "Uniform": lambda **k: kc.energies.Uniform([-1.0, 0.0], [1.0, 5.0], **k),
    "Bernoulli": lambda **k: kc.energies.Bernoulli(ON, **k),
    "DoubleWell": lambda **k: kc.energies.DoubleWell(2.0, 1.5, 2, **k),
}
DENSITIES = sorted(set(MAKERS) - {"DoubleWell"})


def slow_log_density(name, x):
    if name == "Gaussian":
        return np.log(slow.normal(x, MEAN, COVARIANCE))
    if name == "GaussianMixture":
        return np.log(slow.mixture(x, MEANS, COVARIANCES, WEIGHTS))
    if name == "Bernoulli":
        return np.log(slow.bernoulli(x, ON))
    if name == "DoubleWell":
        return -2 * ((x[0] / 1.5) ** 2 - 1) ** 2 - x[1] ** 2 / 2
    inside = -1 <= x[0] <= 1 and 0 <= x[1] <= 5
    return -np.log(10) if inside else -np.inf


def some_points(name, count=7):
    d = MAKERS[name]().event_shape[0]
    if name == "Uniform":  # Both inside of the box and outside.
        return np.array([[0.0, 1.0], [-0.9, 4.9], [1.1, 1.0], [0.0, -0.1]])
    points = 2 * np.random.default_rng(0).normal(size=(count, d))
    return (points > 0).astype(float) if name == "Bernoulli" else points


@pytest.mark.parametrize("name", MAKERS)
def test_it_equals_the_slow_density(name):
    x = some_points(name)
    expected = [-slow_log_density(name, point) for point in x]
    np.testing.assert_allclose(MAKERS[name](dtype="float64")(x), expected, rtol=1e-9)
    single = MAKERS[name]()(x)
    assert single.dtype == tf.float32
    np.testing.assert_allclose(single, expected, rtol=2e-6)
    if name in DENSITIES:
        np.testing.assert_array_equal(MAKERS[name]().log_prob(x), -single)


@pytest.mark.parametrize("name", sorted(set(MAKERS) - {"Bernoulli"}))
def test_its_score_is_the_slope_of_the_log_density(name):
    x = some_points(name)
    x = x[np.isfinite(MAKERS[name]()(x))]
    assert len(x)
    expected = [
        energy_losses.gradient(lambda y: slow_log_density(name, y), point)
        for point in x
    ]
    ours = MAKERS[name](dtype="float64").score(x)
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-7)


def test_bernoulli_flips_are_differences_of_energies():
    energy = kc.energies.Bernoulli(ON, dtype="float64")
    x = oracle.states(4)
    np.testing.assert_allclose(np.exp(-energy(x)).sum(), 1)
    generic = kc.energies.Energy.flip_differences(energy, x)
    np.testing.assert_allclose(energy.flip_differences(x), generic, atol=1e-12)
    image = kc.energies.Bernoulli(ON.reshape(2, 2), dtype="float64")
    flips = image.flip_differences(x.reshape(-1, 2, 2))
    np.testing.assert_array_equal(flips, energy.flip_differences(x))


@pytest.mark.parametrize(
    ("barrier", "width", "dimensions"), [(0.5, 1, 1), (3, 2, 2), (40, 0.5, 2)]
)
def test_the_double_wells_partition_is_its_integral(barrier, width, dimensions):
    energy = kc.energies.DoubleWell(barrier, width, dimensions, dtype="float64")
    x = np.linspace(-12, 12, 40001)
    points = np.zeros([len(x), dimensions])
    points[:, 0] = x
    z = np.exp(-energy(points)).sum() * (x[1] - x[0])
    if dimensions == 2:
        z *= np.sqrt(2 * np.pi)
    np.testing.assert_allclose(energy.log_partition, np.log(z), rtol=1e-9)
    at = np.zeros([3, dimensions])
    at[:2, 0] = [width, -width]
    np.testing.assert_allclose(energy(at), [0, 0, barrier], atol=1e-12)
    np.testing.assert_allclose(energy.score(at), np.zeros_like(at), atol=1e-12)


def within(values, expected, errors=5.0):
    """Whether a mean over axis 0 is within so many standard errors.

    At five, one of two million true means is refused.
    """
    error = values.std(axis=0) / np.sqrt(len(values))
    return bool((np.abs(values.mean(axis=0) - expected) <= errors * error).all())


def moments(x):
    """The means and the products of all pairs of coordinates, as values to average."""
    d = x.shape[1]
    pairs = [x[:, i] * x[:, j] for i in range(d) for j in range(i, d)]
    return np.column_stack([x, *pairs])


def products(covariance, mean):
    matrix = covariance + np.outer(mean, mean)
    return np.concatenate([mean, matrix[np.triu_indices(len(mean))]])


EXACT = {
    "Gaussian": products(COVARIANCE, MEAN),
    "GaussianMixture": sum(
        w * products(c, m) for w, m, c in zip(WEIGHTS, MEANS, COVARIANCES, strict=True)
    ),
    "Uniform": products(np.diag([4, 25]) / 12, np.array([0.0, 2.5])),
    "Bernoulli": products(np.diag(ON * (1 - ON)), ON),
}


@pytest.mark.parametrize("name", DENSITIES)
def test_its_draws_are_its_own(name):
    draw = MAKERS[name](dtype="float64").sample(40000, [5, 6]).numpy()
    assert within(moments(draw), EXACT[name])
    # Sharp enough to tell moments that are 5% off.
    assert not within(moments(draw), 1.05 * EXACT[name] + 0.02)


def test_each_component_has_its_share():
    energy = kc.energies.GaussianMixture(100 * MEANS, 1.0, WEIGHTS)
    draw = energy.sample(20000, [1, 2])
    chances = energy.component_probabilities(draw).numpy()
    assert within(chances, WEIGHTS)
    np.testing.assert_allclose(chances.max(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", DENSITIES)
def test_the_seed_decides_the_draw_also_under_xla(name):
    energy = MAKERS[name]()
    first = energy.sample(16, [1, 2])
    assert first.shape == (16, *energy.event_shape)
    assert first.dtype == tf.float32
    np.testing.assert_array_equal(energy.sample(16, [1, 2]), first)
    assert (energy.sample(16, [1, 3]).numpy() != first.numpy()).any()
    assert (energy.sample(16).numpy() != energy.sample(16).numpy()).any()

    @tf.function(jit_compile=True)
    def compiled():
        x = energy.sample(16, [1, 2])
        return x, energy(x), energy.score(x)

    x, energies, score = compiled()
    np.testing.assert_allclose(x, first, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(energies, energy(first), rtol=1e-5)
    np.testing.assert_allclose(score, energy.score(first), rtol=1e-4, atol=1e-5)

    @tf.function
    def any_count(count):
        return energy.sample(count, [1, 2])

    assert any_count(tf.constant(3)).shape == (3, *energy.event_shape)
    assert energy.sample(0, [1, 2]).shape == (0, *energy.event_shape)


@pytest.mark.parametrize(
    ("covariance", "full"),
    [
        (2.0, 2 * np.eye(3)),
        (np.array([1.0, 2.0, 3.0]), np.diag([1.0, 2.0, 3.0])),
    ],
)
def test_a_short_covariance_stands_for_its_matrix(covariance, full):
    one, other = (kc.energies.Gaussian(MEAN, c) for c in (covariance, full))
    x = some_points("Gaussian")
    np.testing.assert_allclose(one(x), other(x), rtol=1e-6)
    np.testing.assert_allclose(
        one.sample(9, [0, 1]), other.sample(9, [0, 1]), rtol=1e-6
    )
    if np.ndim(covariance):
        covariance = covariance[:, None]
    image = kc.energies.Gaussian(MEAN[:, None], covariance)
    np.testing.assert_allclose(image(x[..., None]), one(x), rtol=1e-6)


@pytest.mark.parametrize("variance", [1.5, [0.5, 1.0, 2.0], np.ones([3, 2]) * 0.3])
def test_short_covariances_of_a_mixture(variance):
    columns = np.reshape(variance, [-1, 1]) if np.ndim(variance) == 1 else variance
    full = np.broadcast_to(columns, (3, 2))[..., None] * np.eye(2)
    one, other = (kc.energies.GaussianMixture(MEANS, c) for c in (variance, full))
    x = some_points("GaussianMixture")
    np.testing.assert_allclose(one(x), other(x), rtol=1e-6)
    expected = [-np.log(slow.mixture(y, MEANS, full, [1 / 3] * 3)) for y in x]
    np.testing.assert_allclose(one(x), expected, rtol=2e-6)


@pytest.mark.parametrize("name", MAKERS)
def test_far_away_it_is_finite_with_a_finite_score(name):
    energy = MAKERS[name]()
    if name in ("Uniform", "Bernoulli"):
        energy = {
            "Uniform": kc.energies.Uniform(-1e6, 1e6, (2,)),
            "Bernoulli": kc.energies.Bernoulli([1e-30, 0.5, 0.5, 0.5]),
        }[name]
    far = np.full([2, energy.event_shape[0]], 1e4, "f") * [[1], [-1]]
    if name == "Bernoulli":
        far = np.ones_like(far)
    assert np.isfinite(energy(far)).all()
    assert np.isfinite(energy.score(far)).all()


def test_an_ill_conditioned_covariance_keeps_its_digits():
    covariance = np.array([[1.0, 0.9999], [0.9999, 1.0]])
    x = np.array([[1.0, 0.9], [0.0, 0.05]])
    single = kc.energies.Gaussian(np.zeros(2), covariance)(x)
    expected = [-np.log(slow.normal(y, np.zeros(2), covariance)) for y in x]
    np.testing.assert_allclose(single, expected, rtol=1e-4)


@pytest.mark.parametrize("name", MAKERS)
def test_it_round_trips(name, tmp_path):
    energy = MAKERS[name](name="mine")
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(energy)
    )
    assert again.get_config() == energy.get_config()
    x = some_points(name)
    np.testing.assert_array_equal(again(x), energy(x))
    assert (again.name, again.event_shape) == ("mine", energy.event_shape)
    assert again.variables == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: kc.energies.Gaussian([np.nan], 1), "`mean`"),
        (lambda: kc.energies.Gaussian([0, 0], -1), "`covariance`"),
        (lambda: kc.energies.Gaussian([0, 0], [1, 2, 3]), "`covariance`"),
        (lambda: kc.energies.Gaussian([0, 0], [[1, 2], [2, 1]]), "`covariance`"),
        (lambda: kc.energies.Gaussian([0, 0], [[1, 0.5], [0, 1]]), "`covariance`"),
        (lambda: kc.energies.GaussianMixture([0, 0]), "`means`"),
        (lambda: kc.energies.GaussianMixture(MEANS, np.ones(2)), "`covariances`"),
        (lambda: kc.energies.GaussianMixture(MEANS, -1.0), "`covariances`"),
        (lambda: kc.energies.GaussianMixture(MEANS, 1, [1, 1, 1]), "`weights`"),
        (lambda: kc.energies.GaussianMixture(MEANS, 1, [0.5, 0.5]), "`weights`"),
        (lambda: kc.energies.GaussianMixture(MEANS, 1, [1.5, -0.5, 0]), "`weights`"),
        (lambda: kc.energies.Uniform(1.0, 1.0), "`high`"),
        (lambda: kc.energies.Uniform([0, 0], [1, 1, 1]), "`low` and `high`"),
        (lambda: kc.energies.Uniform([0, 0], 1, (3,)), "`low` and `high`"),
        (lambda: kc.energies.Uniform(-np.inf, 1), "`low`"),
        (lambda: kc.energies.Bernoulli([0.0, 0.5]), "`probabilities`"),
        (lambda: kc.energies.Bernoulli([1.0]), "`probabilities`"),
        (lambda: kc.energies.DoubleWell(0), "`barrier`"),
        (lambda: kc.energies.DoubleWell(width=-1), "`width`"),
        (lambda: kc.energies.DoubleWell(dimensions=0), "`dimensions`"),
        (lambda: kc.energies.Bernoulli(ON)(np.zeros([2, 3])), "`x`"),
        (lambda: kc.energies.Gaussian(MEAN).sample(-1), "`count`"),
        (lambda: kc.energies.Gaussian(MEAN).sample(1, 7), "`seed`"),
        (lambda: kc.energies.Gaussian(MEAN).sample(1, [0.5, 1.0]), "`seed`"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=rf"{message}.*\n?.*Received: "):
        make()
