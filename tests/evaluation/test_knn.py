import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.evaluation import knn_accuracy, knn_predict, nearest_rows


def slow_votes(bank, labels, query, k, temperature):
    """One query at a time, one neighbour at a time, in float64."""

    def cosine(a, b):
        lengths = np.sqrt(np.sum(a**2)) * np.sqrt(np.sum(b**2))
        return np.sum(a * b) / lengths if lengths > 0 else 0.0

    similarity = np.array([cosine(row, query) for row in bank.astype(np.float64)])
    nearest = np.argsort(-similarity, kind="stable")[: min(k, len(bank))]
    votes = dict.fromkeys(sorted(set(labels.tolist())), 0.0)
    for row in nearest:
        shifted = similarity[row] - similarity[nearest[0]]
        votes[int(labels[row])] += np.exp(shifted / temperature)
    return votes


def slow_predict(bank, labels, queries, k, temperature):
    predictions = []
    for query in queries.astype(np.float64):
        votes = slow_votes(bank, labels, query, k, temperature)
        predictions.append(max(votes, key=votes.get))
    return np.array(predictions)


def clusters(rows, queries, dim=7, classes=5, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, dim))
    sets = []
    for count in (rows, queries):
        labels = rng.integers(0, classes, count)
        lengths = rng.uniform(0.1, 30.0, (count, 1))
        noisy = centres[labels] + 1.2 * rng.normal(size=(count, dim))
        sets += [(lengths * noisy).astype(np.float32), labels]
    return sets


@pytest.mark.parametrize("k", [1, 2, 20, 130, 1000])
@pytest.mark.parametrize("temperature", [0.001, 0.1, 10.0])
def test_predictions_equal_a_slow_loop(k, temperature, monkeypatch):
    # Blocks that divide neither set, so that every merge and every rest is met.
    monkeypatch.setattr(nearest_rows, "_QUERY_ROWS", 32)
    monkeypatch.setattr(nearest_rows, "_BANK_ROWS", 17)
    bank, labels, queries, _ = clusters(130, 70)
    fast = knn_predict(bank, labels, queries, k, temperature)
    np.testing.assert_array_equal(
        fast, slow_predict(bank, labels, queries, k, temperature)
    )


def test_accuracy_is_the_share_of_right_predictions():
    bank, labels, queries, expected = clusters(150, 80)
    slow = np.mean(slow_predict(bank, labels, queries, 9, 0.1) == expected)
    assert 0.2 < slow < 1.0
    accuracy = knn_accuracy(bank, labels, queries, expected, k=9, temperature=0.1)
    assert accuracy == pytest.approx(slow, abs=1e-12)


def test_blocks_change_nothing(monkeypatch):
    bank, labels, queries, _ = clusters(500, 100)
    whole = knn_predict(bank, labels, queries, 50, 0.1)
    monkeypatch.setattr(nearest_rows, "_QUERY_ROWS", 7)
    monkeypatch.setattr(nearest_rows, "_BLOCK_NUMBERS", 7 * 11)
    np.testing.assert_array_equal(knn_predict(bank, labels, queries, 50, 0.1), whole)


def test_k_above_the_bank_means_the_whole_bank():
    bank, labels, queries, expected = clusters(12, 60)
    at_most = knn_accuracy(bank, labels, queries, expected, k=12)
    assert knn_accuracy(bank, labels, queries, expected, k=200) == at_most


def test_length_does_not_count_and_weights_do():
    bank = np.array([[100.0, 1.0], [0.0, 0.01], [0.0, 500.0]])
    labels = np.array([7, -3, -3])
    query = np.array([[1.0, 0.2]])
    # Two far neighbours outvote one near one when it is warm, not when it is cold.
    assert knn_predict(bank, labels, query, k=3, temperature=10.0) == [-3]
    assert knn_predict(bank, labels, query, k=3, temperature=0.1) == [7]


def test_a_class_without_rows_is_missed():
    bank, labels, queries, expected = clusters(200, 100)
    kept = labels != 2
    accuracy = knn_accuracy(bank[kept], labels[kept], queries, expected, k=5)
    predicted = knn_predict(bank[kept], labels[kept], queries, k=5)
    assert 2 not in predicted
    assert accuracy == np.mean(predicted == expected) <= np.mean(expected != 2)


def test_ties_go_to_the_earlier_row_and_the_smaller_label(monkeypatch):
    monkeypatch.setattr(nearest_rows, "_BANK_ROWS", 3)
    bank = np.tile([[1.0, 0.0]], (10, 1))
    labels = np.array([5, 4, 4, 3, 3, 3, 3, 3, 3, 3])
    query = np.array([[2.0, 0.0]])
    assert knn_predict(bank, labels, query, k=1) == [5]
    assert knn_predict(bank, labels, query, k=3) == [4]
    assert knn_predict(bank, labels, query, k=2) == [4]  # one vote each
    assert knn_predict(bank, labels, query, k=5) == [3]  # two votes for 4, two for 3


def test_zero_rows_and_extreme_lengths():
    bank = np.array([[0.0, 0.0], [1e-30, 1e-30], [-1e30, 1e30]], np.float32)
    queries = np.array([[1e30, 1e30], [-1e-30, 1e-30], [0.0, 0.0]], np.float32)
    predicted = knn_predict(bank, np.array([0, 1, 2]), queries, k=1)
    np.testing.assert_array_equal(predicted, [1, 2, 0])


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32])
def test_any_real_dtype_and_tensors(dtype):
    bank, labels, queries, _ = clusters(60, 30)
    bank, queries = (10 * bank).astype(dtype), (10 * queries).astype(dtype)
    expected = knn_predict(bank.astype("float32"), labels, queries.astype("float32"))
    predicted = knn_predict(tf.constant(bank), tf.constant(labels), queries)
    np.testing.assert_array_equal(predicted, expected)


def test_memory_does_not_grow_with_the_bank(monkeypatch):
    bank = np.random.default_rng(0).normal(size=(200_000, 64)).astype(np.float32)
    labels = np.arange(200_000) % 10
    queries = bank[:300] + 1e-4
    products = []
    matmul = tf.matmul

    def spy(a, b, **kwargs):
        products.append((a.shape[0], b.shape[0]))
        return matmul(a, b, **kwargs)

    monkeypatch.setattr(tf, "matmul", spy)
    tracemalloc.start()
    predicted = knn_predict(bank, labels, queries, k=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(predicted, labels[:300])
    # The bank takes 51 MB; labels and lengths take a few bytes a row.
    assert peak < 20e6
    assert max(q * b for q, b in products) * 4 <= 64 * 2**20


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"k": 0}, ValueError, "`k` must be at least 1. Received: 0"),
        ({"k": 2.5}, TypeError, "`k` must be an integer"),
        ({"temperature": 0.0}, ValueError, "`temperature` must be above 0"),
        ({"temperature": float("nan")}, ValueError, "`temperature`"),
        ({"train_features": np.zeros((0, 3))}, ValueError, "`train_features`"),
        ({"train_features": np.zeros(4)}, ValueError, "shape \\(4,\\)"),
        ({"train_features": np.full((4, 3), np.nan)}, ValueError, "finite"),
        ({"test_features": np.full((2, 3), -np.inf)}, ValueError, "finite"),
        ({"test_features": np.zeros((2, 4))}, ValueError, "same number of columns"),
        ({"train_labels": np.zeros(3, int)}, ValueError, "`train_labels`"),
        ({"train_labels": np.zeros(4)}, TypeError, "integers"),
        ({"test_labels": np.zeros((2, 1), int)}, ValueError, "`test_labels`"),
    ],
)
def test_bad_input(changed, error, message):
    arguments = {
        "train_features": np.ones((4, 3)),
        "train_labels": np.zeros(4, int),
        "test_features": np.ones((2, 3)),
        "test_labels": np.zeros(2, int),
    }
    with pytest.raises(error, match=message):
        knn_accuracy(**{**arguments, **changed})
