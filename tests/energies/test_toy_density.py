import math

import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.data import toy
from keras_contrastive.energies import toy_density

NAMES = ["gaussians", "rings", "spiral", "two_moons"]


def bessel(z):
    """I_0(z) exp(-z), by its integral."""
    angle = np.arange(4000) * (2 * np.pi / 4000)
    return np.exp(z[:, None] * (np.cos(angle) - 1)).mean(1)


def blurred(curve, weights, stddev, x):
    """A curve of very many points, each a normal density."""
    square = ((x[:, None] - curve) ** 2).sum(2)
    normal = np.exp(-square / (2 * stddev**2)) / (2 * np.pi * stddev**2)
    return normal @ weights / weights.sum()


def slow(name, x):
    """The densities from the words of `kc.data.toy`, with other sums than there."""
    u = (np.arange(6000) + 0.5) / 6000
    if name == "gaussians":
        angle = np.arange(8) * np.pi / 4
        curve = 2 * np.stack([np.cos(angle), np.sin(angle)], 1)
        return blurred(curve, np.ones(8), 0.2, x)
    if name == "rings":
        radius, total = np.linalg.norm(x, axis=1), 0
        for ring in (1, 2, 3):
            # Noise about a circle: a Rice density over the radius.
            bell = np.exp(-((radius - ring) ** 2) / (2 * 0.08**2))
            rice = bell / (2 * np.pi * 0.08**2) * bessel(radius * ring / 0.08**2)
            total = total + ring / 6 * rice
        return total
    if name == "spiral":
        angle = 3 * np.pi * np.sqrt(u)
        arm = (angle / np.pi)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        return blurred(np.concatenate([arm, -arm]), np.ones(12000), 0.1, x)
    angle = np.pi * u
    moon = 2 * np.stack([np.cos(angle), np.sin(angle)], 1) - [1, 0.5]
    return blurred(np.concatenate([moon, -moon]), np.ones(12000), 0.15, x)


@pytest.mark.parametrize("name", NAMES)
def test_log_prob_is_that_of_the_toy(name):
    """At points of the toy and about them, in float64, and near enough in float32."""
    x = toy(name, 150, seed=5) + 0.1 * np.random.default_rng(0).normal(size=(150, 2))
    expected = np.log(slow(name, x))
    exact = toy_density(name, dtype="float64").log_prob(x)
    # The slow curves are sums themselves; the spiral starts where its root is steep.
    np.testing.assert_allclose(exact, expected, atol=2e-4)
    np.testing.assert_allclose(toy_density(name).log_prob(x), expected, atol=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_toy_and_density_draw_the_same(name):
    """Chi-square of both over the density's mass in 64 cells; alarms: 1 in 10^5."""
    density = toy_density(name)
    n, edges = 20_000, np.linspace(-4.5, 4.5, 9)
    axis = (np.arange(144) + 0.5) / 16 - 4.5
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    logs = [density.log_prob(part).numpy() for part in np.split(points, 16)]
    mass = np.exp(np.concatenate(logs)) / 16**2
    assert mass.sum() == pytest.approx(1, abs=1e-3)
    expected = n * mass.reshape(8, 18, 8, 18).sum((1, 3))
    kept = expected > 5
    for sample in (toy(name, n, seed=3), density.sample(n, seed=(1, 2)).numpy()):
        counts = np.histogram2d(*sample.T, bins=[edges, edges])[0]
        square = ((counts[kept] - expected[kept]) ** 2 / expected[kept]).sum()
        assert square < kept.sum() + 5 * math.sqrt(2 * kept.sum())
        assert counts[~kept].sum() < 5 * (~kept).sum() + 5


def test_what_has_no_density():
    with pytest.raises(ValueError, match=r"gaussians, rings, .*name='pinwheel'"):
        toy_density("pinwheel")


def test_it_is_a_density():
    assert isinstance(toy_density("rings"), kc.energies.Density)
    assert kc.evaluation.exact_log_partition(toy_density("spiral")) == 0
