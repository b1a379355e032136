import numpy as np
import pytest

from keras_contrastive.evaluation import (
    class_balanced_subset,
    knn_accuracy,
    label_efficiency,
    linear_probe,
)


def blobs(count, seed):
    centres = np.random.default_rng(0).normal(size=(4, 8))
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 4)
    return centres[labels] + 0.8 * rng.normal(size=(count, 8)), labels


def test_subset_holds_as_many_of_every_class():
    labels = np.array([3, 3, 3, -1, -1, -1, -1, 8, 8, 8])
    rows = class_balanced_subset(labels, 2, seed=0)
    assert len(set(rows.tolist())) == 6
    assert list(rows) == sorted(rows)
    np.testing.assert_array_equal(np.unique(labels[rows], return_counts=True)[1], 2)


def test_subset_follows_its_seed_and_reaches_every_row():
    labels = np.arange(60) % 3
    first = class_balanced_subset(labels, 5, seed=(1, 2))
    np.testing.assert_array_equal(first, class_balanced_subset(labels, 5, seed=(1, 2)))
    drawn = [class_balanced_subset(labels, 5, seed) for seed in range(40)]
    assert len({tuple(rows) for rows in drawn}) == 40
    assert set(np.concatenate(drawn).tolist()) == set(range(60))


@pytest.mark.parametrize(
    ("labels", "per_class", "message"),
    [
        ([0, 0, 1], 2, "class 1 with 1 rows. Received: 2"),
        ([0, 0, 1], 0, "`per_class` must be at least 1"),
        (np.zeros(0, int), 1, "must not be empty"),
    ],
)
def test_subset_bad_input(labels, per_class, message):
    with pytest.raises(ValueError, match=message):
        class_balanced_subset(labels, per_class)


def test_numbers_are_those_of_the_draws():
    (train, labels), (test, expected) = blobs(80, 1), blobs(150, 2)
    results = label_efficiency(train, labels, test, expected, (1, 5, None), 4, seed=3)
    assert [r.labels_per_class for r in results] == [1, 5, None]
    assert [r.draws for r in results] == [4, 4, 1]
    for result in results[:2]:
        budget = result.labels_per_class
        knn, linear = [], []
        for draw in range(4):
            rows = class_balanced_subset(labels, budget, (3, budget, draw))
            few = train[rows], labels[rows], test, expected
            knn.append(knn_accuracy(*few, k=4 * budget))
            linear.append(linear_probe(*few, standardise_on=train))
        assert len(set(knn)) > 1
        assert result.knn_mean == pytest.approx(np.mean(knn))
        assert result.knn_std == pytest.approx(np.std(knn) * np.sqrt(4 / 3))
        assert result.linear_mean == pytest.approx(np.mean(linear))
        assert result.linear_std == pytest.approx(np.std(linear) * np.sqrt(4 / 3))
    everything = train, labels, test, expected
    assert results[2].knn_mean == knn_accuracy(*everything)
    assert results[2].linear_mean == linear_probe(*everything, seed=3)
    assert results[2].knn_std is None
    assert results[2].linear_std is None


def test_representations_meet_the_same_draws():
    (train, labels), (test, expected) = blobs(40, 1), blobs(60, 2)
    plain = label_efficiency(train, labels, test, expected, (2,), 3)
    # The same representation under a rotation has the same neighbours.
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))
    turned = label_efficiency(train @ turn, labels, test @ turn, expected, (2,), 3)
    assert turned[0].knn_mean == plain[0].knn_mean
    assert turned[0].knn_std == plain[0].knn_std
    other = label_efficiency(train, labels, test, expected, (2,), 3, seed=1)
    assert other[0].knn_mean != plain[0].knn_mean


def test_bad_input():
    (train, labels), (test, expected) = blobs(40, 1), blobs(60, 2)
    with pytest.raises(ValueError, match="`draws`"):
        label_efficiency(train, labels, test, expected, draws=0)
    with pytest.raises(ValueError, match="with 10 rows"):
        label_efficiency(train, labels, test, expected, labels_per_class=(11,))
