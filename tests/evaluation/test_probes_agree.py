import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from keras_contrastive.evaluation import linear_probe, sgd_linear_probe


@pytest.fixture(scope="module")
def sets():
    """Ten classes of features as a trunk gives them: rectified, of several scales."""
    rng = np.random.default_rng(0)
    centres, mixing = rng.normal(size=(10, 6)), rng.normal(size=(6, 24))
    scales = np.geomspace(0.3, 2, 24)

    def drawn(count):
        labels = rng.permutation(np.arange(count) % 10)
        hidden = centres[labels] + 0.9 * rng.normal(size=(count, 6))
        noise = 0.5 * rng.normal(size=(count, 24))
        features = np.maximum(hidden @ mixing + noise, 0) * scales
        return features.astype(np.float32), labels

    return *drawn(10_000), *drawn(4000)


def test_both_paths_give_what_a_converged_regression_does(sets):
    train, labels, test, expected = sets
    regression = LogisticRegression(C=1.0, tol=1e-8, max_iter=10_000)
    pipeline = make_pipeline(StandardScaler(), regression)
    converged = pipeline.fit(train.astype(np.float64), labels).score(test, expected)
    assert 0.5 < converged < 0.95
    assert linear_probe(*sets, c=1.0) == pytest.approx(converged, abs=0.003)
    assert linear_probe(*sets) == pytest.approx(converged, abs=0.005)
    assert sgd_linear_probe(*sets, epochs=12) == pytest.approx(converged, abs=0.005)
