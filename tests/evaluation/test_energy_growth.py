import keras
import numpy as np
import pytest

import keras_contrastive as kc


def trained(stddev, spread, seed=0):
    """A linear autoencoder of points near the line y = 0, spread around it."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(4000, 2)) * [2.0, spread]
    x = (x - x.mean(axis=0)) / x.std(axis=0) * [2.0, spread]
    linear = keras.Sequential([keras.Input([2]), keras.layers.Dense(2)])
    out = keras.Sequential([keras.Input([2]), keras.layers.Dense(2)])
    noise = kc.augment.GaussianNoise(stddev)
    model = kc.models.DenoisingAutoencoder(linear, out, noise, seed=1)
    rate = keras.optimizers.schedules.CosineDecay(0.02, 60 * 16)
    model.compile(keras.optimizers.Adam(rate))
    model.fit(x.astype(np.float32), batch_size=250, epochs=60, verbose=0)
    return model.energy


def test_off_a_line_it_grows_as_the_closed_form_says():
    """(sigma^2 / (sigma^2 + s^2))^2 d^2, to 5%, for points spread by s around it."""
    stddev, spread = 0.6, 0.3
    points = np.zeros([7, 2])
    # Along the line the energy is another parabola, flat at its middle.
    points[:, 0] = np.linspace(-0.3, 0.3, 7)
    normals = np.tile([0.0, 5.0], [7, 1])
    growth = kc.evaluation.energy_growth(
        trained(stddev, spread), points, normals, np.linspace(-3, 3, 13)
    )
    expected = (stddev**2 / (stddev**2 + spread**2)) ** 2
    assert abs(growth.coefficient / expected - 1) < 0.05
    assert abs(growth.offset) < 0.02
    assert growth.r_squared > 0.999
    assert growth.energies.shape == growth.spread.shape == (13,)


def test_means_spread_and_fit_are_those_of_the_points():
    energy = kc.energies.Gaussian([0.0, 0.0], 1.0)
    points = np.array([[0.0, 0.0], [2.0, 0.0]])
    growth = kc.evaluation.energy_growth(
        energy, points, [[0.0, 1.0], [0.0, 3.0]], [1.0, 2.0, 3.0]
    )
    # E = |x|^2 / 2 + constant: half of d^2, and at the second point 2 more.
    constant = float(energy([[0.0, 0.0]])[0])
    np.testing.assert_allclose(
        growth.energies, constant + 1 + np.array([0.5, 2, 4.5]), rtol=1e-5
    )
    np.testing.assert_allclose(growth.spread, [1, 1, 1], rtol=1e-5)
    np.testing.assert_allclose(growth.coefficient, 0.5, rtol=1e-5)
    np.testing.assert_allclose(growth.offset, constant + 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([[0.0, 0]], [[1.0, 0], [1, 0]], [1, 2, 3]), "`points` and `normals`"),
        (([[0.0, 0]], [[0.0, 0]], [1, 2, 3]), "`normals`"),
        (([[0.0, 0]], [[0.0, 1]], [-1, 1, 2]), "`distances`"),
    ],
)
def test_bad_arguments_are_refused(arguments, words):
    energy = kc.energies.Gaussian([0.0, 0.0], 1.0)
    with pytest.raises(ValueError, match=rf"(?s){words}.*Received: "):
        kc.evaluation.energy_growth(energy, *arguments)
