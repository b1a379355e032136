import math

import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.evaluation.test_exact_log_partition import Bowl, Shifted

WIDE = kc.energies.Gaussian([0.5, -0.2], [[1.0, 0.3], [0.3, 0.8]])
NARROW = kc.energies.Gaussian([0.0, 0.0], [[0.5, 0.0], [0.0, 0.6]])
BOX = (-7, 7)


def kl(energy, density, bounds=BOX, nodes=129, **options):
    return kc.evaluation.quadrature_kl(energy, density, bounds, nodes, **options)


def normal_kl(p, q):
    """KL(p || q) of two normal densities."""
    inverse = np.linalg.inv(q.covariance)
    away = q.mean - p.mean
    determinants = np.linalg.det(q.covariance) / np.linalg.det(p.covariance)
    trace = np.trace(inverse @ p.covariance)
    return (trace + away @ inverse @ away - len(away) + np.log(determinants)) / 2


@pytest.mark.parametrize(("q", "p"), [(WIDE, NARROW), (NARROW, WIDE)])
def test_it_equals_the_closed_form_in_its_direction(q, p):
    expected = normal_kl(p, q)
    assert kl(q, p) == pytest.approx(expected, rel=1e-4)
    # Neither need be normalised.
    assert kl(Shifted(q), Shifted(p)) == pytest.approx(expected, rel=1e-4)
    assert normal_kl(q, p) != pytest.approx(expected, rel=0.05)


def test_on_a_line():
    p, q = kc.energies.Gaussian([1.0], [2.0]), kc.energies.Gaussian([0.0], [1.5])
    expected = (2 / 1.5 + 1 / 1.5 - 1 + np.log(1.5 / 2)) / 2
    assert kl(q, p, (-14, 14), None) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["gaussians", "rings"])
def test_it_is_zero_for_equals_and_the_mean_of_the_log_ratio_for_others(name):
    density, bounds = kc.energies.toy_density(name), (-4.5, 4.5)
    same = kl(Shifted(density), density, bounds, tolerance=0.01)
    assert same == pytest.approx(0, abs=1e-6)
    blunt = kc.energies.Gaussian([0.0, 0.0], 2.0)
    got = kl(blunt, density, bounds, tolerance=0.1)
    x = kc.data.toy(name, 5000)
    ratio = density.log_prob(x) - blunt.log_prob(x)
    error = np.std(ratio) / np.sqrt(len(x))
    # The blunt one is normalised within the box, where 0.2% of it is missing.
    assert abs(got - np.mean(ratio)) < 4 * error + 0.003


def test_a_model_that_excludes_what_is_there():
    box = kc.energies.Uniform(-1.0, 1.0, (2,))
    assert kl(box, NARROW, tolerance=math.inf) == math.inf
    # And the other way round there is nothing to pay for.
    assert math.isfinite(kl(NARROW, box, tolerance=math.inf))


def test_mass_beyond_the_bounds_is_named():
    with pytest.raises(ValueError, match="mass of `energy`"):
        kl(Bowl((2,), floor=9.0), NARROW)
    with pytest.raises(ValueError, match="mass of `density`"):
        kl(NARROW, kc.energies.Gaussian([0.0, 0.0], 9.0))
    with pytest.raises(ValueError, match=r"`nodes` must resolve `density`"):
        kl(WIDE, kc.energies.toy_density("rings"), nodes=33)


@pytest.mark.parametrize(
    ("energy", "density", "message"),
    [
        (WIDE, kc.energies.Gaussian([0.0]), "same reals"),
        (kc.energies.Bernoulli([0.5, 0.5]), WIDE, "same reals.*bits"),
        (kc.energies.Gaussian(np.zeros(3)),) * 2 + ("1 or 2 reals.*3",),
        (WIDE / 2.0, NARROW, "temperature 1"),
        (WIDE, NARROW / 2.0, "temperature 1"),
    ],
)
def test_bad_input(energy, density, message):
    with pytest.raises(ValueError, match=message):
        kl(energy, density)


def test_a_network_without_a_shape():
    class Any(kc.energies.Energy):
        def call(self, x):
            return tf.reduce_sum(x**2, 1)

    with pytest.raises(ValueError, match="`event_shape`"):
        kl(Any(), WIDE)
