import numpy as np
import pytest

from keras_contrastive.evaluation import (
    alignment,
    effective_rank,
    feature_std,
    representation,
    uniformity,
)


def sphere(count, dim, seed=0):
    z = np.random.default_rng(seed).normal(size=(count, dim))
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def slow_uniformity(z, t):
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    terms = [
        np.exp(-t * np.sum((z[i] - z[j]) ** 2))
        for i in range(len(z))
        for j in range(i + 1, len(z))
    ]
    return np.log(np.mean(terms))


@pytest.mark.parametrize("alpha", [1.0, 2.0, 3.0])
def test_alignment_equals_a_slow_loop(alpha):
    a, b = sphere(30, 5), sphere(30, 5, seed=1)
    slow = np.mean(
        [np.sqrt(np.sum((x - y) ** 2)) ** alpha for x, y in zip(a, b, strict=True)]
    )
    lengths = np.linspace(0.5, 9.0, 30)[:, None]
    assert alignment(lengths * a, b, alpha) == pytest.approx(slow, rel=1e-12)


def test_alignment_at_its_ends():
    a = sphere(10, 4)
    assert alignment(a, 3 * a) == pytest.approx(0, abs=1e-12)
    assert alignment(a, -a) == pytest.approx(4)


@pytest.mark.parametrize("t", [0.5, 2.0, 8.0])
@pytest.mark.parametrize("pairs", [1, 50, 41 * 7, 2**22])
def test_uniformity_equals_a_slow_loop(t, pairs, monkeypatch):
    monkeypatch.setattr(representation, "_PAIRS", pairs)
    z = sphere(41, 6) * np.linspace(0.1, 5, 41)[:, None]
    assert uniformity(z, t) == pytest.approx(slow_uniformity(z, t), rel=1e-10)


def test_uniformity_at_its_ends():
    assert uniformity(np.ones((50, 3))) == pytest.approx(0, abs=1e-12)
    # Two antipodes: one pair, at squared distance 4; no underflow when it is sharp.
    antipodes = np.array([[1.0, 0.0], [-1.0, 0.0]])
    assert uniformity(antipodes, 2.0) == pytest.approx(-8)
    assert uniformity(antipodes, 1000.0) == pytest.approx(-4000)
    # On a sphere of many dimensions nearly every pair is at right angles.
    assert uniformity(sphere(400, 256)) == pytest.approx(-4, abs=0.1)


@pytest.mark.parametrize("shape", [(40, 8), (8, 40)])
@pytest.mark.parametrize("centre", [False, True])
def test_effective_rank_equals_its_definition(shape, centre):
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape) * np.geomspace(1, 1e-3, shape[1]) + 1.0
    s = np.linalg.svd(x - x.mean(0) if centre else x, compute_uv=False)
    p = s[s > 1e-12 * s[0]] / np.sum(s)
    expected = np.exp(-np.sum(p * np.log(p)))
    assert effective_rank(x, centre=centre) == pytest.approx(expected, rel=1e-6)


def test_effective_rank_of_known_matrices():
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(50, 6)))
    assert effective_rank(basis) == pytest.approx(6)
    assert effective_rank(1e-200 * basis) == pytest.approx(6)
    assert effective_rank(1e30 * basis.astype("float32")) == pytest.approx(6, rel=1e-5)
    one_direction = np.outer(rng.normal(size=50), rng.normal(size=20))
    assert effective_rank(one_direction) == pytest.approx(1, abs=1e-5)
    assert effective_rank(np.zeros((5, 3))) == 0.0
    constant = np.full((20, 4), 3.0)
    assert effective_rank(constant) == pytest.approx(1, abs=1e-5)
    assert effective_rank(constant, centre=True) == 0.0


def test_feature_std_tells_collapse_from_spread():
    assert feature_std(np.outer(np.arange(1, 9), [1.0, 2.0])) == pytest.approx(0)
    assert feature_std(7 * sphere(4000, 64)) == pytest.approx(1 / 8, rel=0.01)
    z = sphere(10, 3)
    assert feature_std(z) == pytest.approx(np.mean([np.std(z[:, i]) for i in range(3)]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: alignment(np.ones((3, 2)), np.ones((4, 2))), "same shape"),
        (lambda: alignment(np.ones((3, 2)), np.ones((3, 2)), 0), "`alpha`"),
        (lambda: uniformity(np.ones((1, 2))), "two rows"),
        (lambda: uniformity(np.ones((3, 2)), -1), "`t`"),
        (lambda: uniformity(np.ones(3)), "`z`"),
        (lambda: effective_rank(np.full((3, 2), np.inf)), "finite"),
        (lambda: feature_std(np.ones((2, 2, 2))), "`features`"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
