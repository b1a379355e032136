import numpy as np
import pytest

from keras_contrastive.evaluation import sgd_linear_probe


def descent(train, labels, test, expected, epochs, rate):
    """Nesterov momentum on whole batches, with a cosine, in NumPy."""
    classes = np.unique(labels)
    targets = (labels[:, None] == classes).astype(float)
    w = np.zeros((train.shape[1] + 1, len(classes)))
    v = np.zeros_like(w)
    x = np.hstack([train, np.ones((len(train), 1))])
    for epoch in range(epochs):
        odds = np.exp(x @ w)
        error = odds / odds.sum(1, keepdims=True) - targets
        step = rate * 0.5 * (1 + np.cos(np.pi * epoch / epochs)) * x.T @ error / len(x)
        v = 0.9 * v - step
        w += 0.9 * v - step
    logits = np.hstack([test, np.ones((len(test), 1))]) @ w
    return np.mean(classes[logits.argmax(1)] == expected)


def test_accuracy_equals_whole_batch_descent():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 5))
    labels, expected = np.arange(90) % 3, np.arange(500) % 3
    train = centres[labels] + 1.5 * rng.normal(size=(90, 5))
    test = centres[expected] + 1.5 * rng.normal(size=(500, 5))
    names = np.array([9, -2, 4])
    # 90 of at most 128 rows: one batch an epoch, with a rate of 0.2 * 128 / 256.
    accuracy = sgd_linear_probe(
        train,
        names[labels],
        test,
        names[expected],
        epochs=7,
        batch_size=128,
        base_learning_rate=0.2,
    )
    slow = descent(train, names[labels], test, names[expected], 7, 0.1)
    assert 0.4 < slow < 0.95
    assert accuracy == pytest.approx(slow, abs=1 / 500)


def test_short_batches_and_seed():
    rng = np.random.default_rng(0)
    train, labels = rng.normal(size=(53, 4)), np.arange(53) % 2
    arguments = train, labels, train, labels
    once = sgd_linear_probe(*arguments, epochs=3, batch_size=10, seed=4)
    assert once == sgd_linear_probe(*arguments, epochs=3, batch_size=10, seed=4)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "base_learning_rate"])
def test_bad_input(name):
    rows, labels = np.ones((4, 2)), np.array([0, 1, 0, 1])
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: 0"):
        sgd_linear_probe(rows, labels, rows, labels, **{name: 0})
