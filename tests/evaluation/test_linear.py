import numpy as np
import pytest

from keras_contrastive.evaluation import linear, linear_probe


def blobs(count, seed, dim=6, classes=3, noise=0.7):
    centres = np.random.default_rng(0).normal(size=(classes, dim))
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % classes)
    return centres[labels] + noise * rng.normal(size=(count, dim)), labels


def descent_accuracy(train, labels, test, expected, c):
    """Multinomial regression by gradient descent in float64, on standardised rows."""
    mean, deviation = train.mean(0), train.std(0)
    train, test = (train - mean) / deviation, (test - mean) / deviation
    classes = np.unique(labels)
    targets = (labels[:, None] == classes).astype(float)
    weights, bias = np.zeros((train.shape[1], len(classes))), np.zeros(len(classes))
    for _ in range(4000):
        logits = train @ weights + bias
        odds = np.exp(logits - logits.max(1, keepdims=True))
        error = odds / odds.sum(1, keepdims=True) - targets
        weights -= 0.002 * (train.T @ error + weights / c)
        bias -= 0.002 * error.sum(0)
    return np.mean(classes[(test @ weights + bias).argmax(1)] == expected)


@pytest.mark.parametrize("c", [0.003, 1.0])
def test_accuracy_equals_plain_gradient_descent(c):
    (train, labels), (test, expected) = blobs(120, 1), blobs(301, 2)
    train[:, 0] *= 1000.0
    test[:, 0] *= 1000.0
    accuracy = linear_probe(train, labels, test, expected, c=c)
    slow = descent_accuracy(train, labels, test, expected, c)
    assert 0.5 < slow < 1.0
    assert accuracy == pytest.approx(slow, abs=2 / 301)


def test_scale_and_offset_of_a_column_do_not_count():
    (train, labels), (test, expected) = blobs(90, 1), blobs(200, 2)
    scale, offset = np.geomspace(1e-3, 1e3, 6), np.linspace(-50, 50, 6)
    plain = linear_probe(train, labels, test, expected, c=0.1)
    moved = linear_probe(
        scale * train + offset, labels, scale * test + offset, expected, c=0.1
    )
    assert moved == pytest.approx(plain, abs=1 / 200)


def test_statistics_come_from_the_training_rows_alone():
    (train, labels), (test, expected) = blobs(90, 1), blobs(200, 2)
    together = linear_probe(train, labels, test, expected, c=0.1)
    # Outliers among the test rows must not move what the other rows are scored by.
    odd = np.concatenate([test, np.full((200, 6), 1e6)])
    accuracy = linear_probe(train, labels, odd, np.append(expected, [99] * 200), c=0.1)
    assert accuracy == together / 2


def test_few_labels_can_lend_the_deviation_of_all_rows():
    rng = np.random.default_rng(0)
    everything = rng.normal(size=(1000, 2)) * [1.0, 1.0]
    few = np.array([[-1.0, 1e-3], [1.0, -1e-3]])  # its second column varies by chance
    labels, expected = np.array([0, 1]), (everything[:, 0] > 0).astype(int)
    alone = linear_probe(few, labels, everything, expected)
    lent = linear_probe(few, labels, everything, expected, standardise_on=everything)
    assert alone < 0.6 < 0.95 < lent


def test_constant_columns_and_gaps_in_the_labels():
    (train, labels), (test, expected) = blobs(90, 1), blobs(200, 2)
    names = np.array([-5, 3, 1000])
    plain = linear_probe(train, labels, test, expected, c=1.0)
    # Dead while training, alive in the test: nothing can have been learnt from them.
    wide = np.hstack([train, np.zeros((90, 1)), np.full((90, 1), 7.3)])
    alive = np.hstack([test, np.random.default_rng(0).normal(size=(200, 2))])
    accuracy = linear_probe(wide, names[labels], alive, names[expected], c=1.0)
    assert accuracy == plain


def test_c_is_chosen_on_training_rows_and_fixed_with_few(monkeypatch):
    used = []
    fitted = linear._fitted

    def spy(features, labels, c, max_iterations):
        used.append((len(features), c))
        return fitted(features, labels, c, max_iterations)

    monkeypatch.setattr(linear, "_fitted", spy)
    (train, labels), (test, expected) = blobs(60, 1), blobs(50, 2)
    linear_probe(train, labels, test, expected)
    assert used[:-1] == [(48, c) for c in linear.C_GRID]
    assert used[-1][0] == 60
    used.clear()
    linear_probe(train[:27], labels[:27], test, expected)
    assert used == [(27, linear.DEFAULT_C)]
    used.clear()
    linear_probe(train, labels, test, expected, c=0.25)
    assert used == [(60, 0.25)]


def test_the_choice_of_c_never_sees_the_test_labels():
    (train, labels), (test, expected) = blobs(60, 1, noise=3.0), blobs(200, 2)
    right = linear_probe(train, labels, test, expected)
    shuffled = (expected + 1) % 3
    wrong = linear_probe(train, labels, test, shuffled)
    twice = linear_probe(train, labels, test, (expected + 2) % 3)
    assert right + wrong + twice == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_labels": np.zeros(4, int)}, "at least two classes"),
        ({"c": 0.0}, "`c` must be above 0"),
        ({"standardise_on": np.ones((2, 5))}, "same number of columns"),
        ({"test_features": np.ones((2, 5))}, "same number of columns"),
        ({"train_features": np.full((4, 3), np.nan)}, "finite"),
    ],
)
def test_bad_input(changed, message):
    arguments = {
        "train_features": np.eye(4, 3),
        "train_labels": np.array([0, 0, 1, 1]),
        "test_features": np.ones((2, 3)),
        "test_labels": np.zeros(2, int),
    }
    with pytest.raises(ValueError, match=message):
        linear_probe(**{**arguments, **changed})
