import numpy as np
import pytest

import keras_contrastive as kc
from tests.evaluation.test_exact_log_partition import strong_rbm
from tests.reference import oracle


def likelihood(energy, x, log_z=0.0, **options):
    return kc.evaluation.mean_log_likelihood(energy, x, log_z, **options)


@pytest.mark.parametrize("batch_size", [1, 7, 32, 1000])
def test_it_equals_the_oracle(batch_size):
    rbm = strong_rbm(5, 3)
    kernel, b, c = (np.float64(w.numpy()) for w in rbm.weights)
    x = oracle.states(5)
    energies = oracle.rbm_free_energy(kernel, b, c, x)
    logs = np.log(oracle.probabilities(energies))
    log_z = kc.evaluation.exact_log_partition(rbm)
    mean, error = likelihood(rbm, x.astype(int), log_z, batch_size=batch_size)
    assert mean == pytest.approx(logs.mean(), abs=1e-5)
    assert error == pytest.approx(np.std(logs, ddof=1) / np.sqrt(32), abs=1e-5)


def test_of_a_density():
    normal = kc.energies.Gaussian([1.0, 2.0], [[2.0, 0.5], [0.5, 1.0]])
    x = normal.sample(4000, seed=(0, 1))
    result = likelihood(normal, x)
    entropy = 1 + np.log(2 * np.pi) + np.log(2 - 0.25) / 2
    assert abs(result.mean + entropy) < 4 * result.standard_error
    assert result.standard_error == pytest.approx(1 / np.sqrt(4000), rel=0.1)


def test_one_point_has_no_spread_and_an_impossible_one_no_likelihood():
    box = kc.energies.Uniform(0.0, 2.0, (1,))
    mean, error = likelihood(box, [[1.0]])
    assert mean == pytest.approx(-np.log(2))
    assert np.isnan(error)
    mean, error = likelihood(box, [[1.0], [3.0]])
    assert mean == -np.inf
    assert np.isnan(error)


@pytest.mark.parametrize(
    ("energy", "x", "log_z", "message"),
    [
        (kc.energies.RBM(4, 3), np.full((2, 4), 0.5), 0.0, "bits.*8 other values, 0.5"),
        (kc.energies.RBM(4, 3), np.full((2, 4), 255, np.uint8), 0.0, "bits.*255"),
        (kc.energies.RBM(4, 3), np.full((2, 4), np.nan), 0.0, "bits"),
        (kc.energies.RBM(4, 3), np.zeros((2, 5)), 0.0, r"\(batch, 4\)"),
        (kc.energies.RBM(4, 3), np.zeros((0, 4)), 0.0, r"`x`.*\(0, 4\)"),
        (kc.energies.RBM(4, 3), np.zeros(4), 0.0, r"`x`.*\(4,\)"),
        (kc.energies.DoubleWell(), [[np.inf]], 0.0, "`x` must be finite"),
        (kc.energies.DoubleWell(), [[1.0]], np.nan, "`log_partition`.*nan"),
        (kc.energies.RBM(4, 3) / 1.5, np.zeros((2, 4)), 0.0, "temperature 1.*1.5"),
    ],
)
def test_bad_input(energy, x, log_z, message):
    with pytest.raises(ValueError, match=message):
        likelihood(energy, x, log_z)


def test_what_is_no_energy():
    with pytest.raises(TypeError, match="`energy`"):
        likelihood(lambda x: x, [[1.0]])


def test_number_of_points_at_once():
    with pytest.raises(ValueError, match="`batch_size`"):
        likelihood(kc.energies.DoubleWell(), [[1.0]], batch_size=0)
