import numpy as np
import pytest

from keras_contrastive.data import toy

NAMES = ["gaussians", "pinwheel", "rings", "spiral", "two_moons"]


@pytest.mark.parametrize("name", NAMES)
def test_points_are_seeded_centred_and_bounded(name):
    points = toy(name, 4000, seed=1)
    assert points.shape == (4000, 2)
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points, toy(name, 4000, seed=1))
    assert not np.array_equal(points, toy(name, 4000, seed=2))
    assert np.linalg.norm(points.mean(0)) < 0.15
    assert np.linalg.norm(points, axis=1).max() < 4.5
    # In random order: the halves have one mean, up to six standard errors.
    halves = points[:2000].mean(0) - points[2000:].mean(0)
    assert np.all(np.abs(halves) < 6 * points.std(0) * np.sqrt(2 / 2000))


def test_global_generator_is_left_alone():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    toy("rings", 10)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_gaussians_lie_about_eight_centres():
    points = toy("gaussians", 8000)
    angle = np.arange(8) * np.pi / 4
    centres = 2 * np.stack([np.cos(angle), np.sin(angle)], 1)
    distance = np.linalg.norm(points[:, None] - centres, axis=-1)
    nearest = distance.argmin(1)
    assert np.all(np.abs(np.bincount(nearest) - 1000) < 150)
    for i in range(8):
        np.testing.assert_allclose(points[nearest == i].std(0), 0.2, atol=0.02)


def test_rings_have_three_radii_of_equal_density():
    radius = np.linalg.norm(toy("rings", 6000), axis=1)
    assert np.all(np.abs(radius - np.round(radius)) < 0.45)
    share = np.bincount(np.round(radius).astype(int)) / 6000
    np.testing.assert_allclose(share, [0, 1 / 6, 2 / 6, 3 / 6], atol=0.03)


def test_spiral_has_two_arms_whose_radius_grows_with_the_angle():
    points = toy("spiral", 5000)
    points = points[np.linalg.norm(points, axis=1) > 1]
    radius, angle = np.linalg.norm(points, axis=1), np.arctan2(*points.T[::-1])
    # Off the arms by a multiple of half a turn, up to the noise.
    off = (angle - np.pi * radius + np.pi / 2) % np.pi - np.pi / 2
    assert np.mean(np.abs(off)) < 0.35


def test_two_moons_are_half_circles_that_interlock():
    points = toy("two_moons", 5000)
    upper = np.abs(np.linalg.norm(points - np.array([-1, -0.5]), axis=1) - 2)
    lower = np.abs(np.linalg.norm(points - np.array([1, 0.5]), axis=1) - 2)
    assert np.mean(np.minimum(upper, lower)) < 0.15
    assert abs(np.mean(upper < lower) - 0.5) < 0.06


def test_pinwheel_has_five_arms():
    points = toy("pinwheel", 5000)
    turn = 2 * np.pi / 5
    rotation = np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], np.float32
    )
    edges = [np.linspace(-4, 4, 17)] * 2
    counts, turned = (
        np.histogram2d(*x.T, bins=edges)[0] for x in (points, points @ rotation.T)
    )
    assert np.abs(counts - turned).sum() < 0.35 * len(points)
    half = np.array([[np.cos(turn / 2), -np.sin(turn / 2)]])
    half = np.concatenate([half, [[np.sin(turn / 2), np.cos(turn / 2)]]])
    between = np.histogram2d(*(points @ half.T).T, bins=edges)[0]
    assert np.abs(counts - between).sum() > 0.8 * len(points)


def test_no_points():
    assert toy("rings", 0).shape == (0, 2)


def test_unknown_name_lists_the_choices():
    with pytest.raises(ValueError, match=r"gaussians, pinwheel, .*name='moons'"):
        toy("moons", 10)


def test_negative_number():
    with pytest.raises(ValueError, match="`n`"):
        toy("rings", -1)
