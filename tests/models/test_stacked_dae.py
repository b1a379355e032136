import keras
import numpy as np
import pytest

import keras_contrastive as kc

M = kc.models


def digits(split="train"):
    data = kc.data.load("contrastive_digits", split)
    batch = next(iter(data.batch(2000)))
    return batch["image"].numpy(), batch["label"].numpy().astype(int)


def masks(count=2, rate=0.2):
    return [kc.augment.Masking(rate) for _ in range(count)]


def test_layers_are_pretrained_one_after_the_other():
    images, _ = digits()
    options = {"units": (24, 16), "batch_size": 50, "learning_rate": 0.1}
    begun, none = M.pretrain_stack(images[:500], masks(), epochs=0, **options)
    stack, histories = M.pretrain_stack(images[:500], masks(), epochs=3, **options)
    assert none == []
    assert [len(h["loss"]) for h in histories] == [3, 3]
    assert all(h["loss"][-1] < h["loss"][0] for h in histories)
    for old, new in zip(begun.get_weights(), stack.get_weights(), strict=True):
        assert np.any(old != new)
    assert stack(images[:4].reshape(4, -1) / 255).shape == (4, 16)


def test_the_upper_layer_mends_what_the_lower_one_makes_of_clean_points():
    """By hand: the second layer alone, on the features of the first."""
    images, _ = digits()
    x = images[:200].reshape(200, -1).astype(np.float32) / 255
    options = {"epochs": 2, "batch_size": 50, "learning_rate": 0.1}
    stack, histories = M.pretrain_stack(x, masks(), (24, 16), **options, seed=3)
    features = stack.layers[0](x).numpy()
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Dense(n, "sigmoid") for n in (24, 16)]
    keras.Sequential([keras.Input([64]), *layers])
    keras.utils.set_random_seed(3)
    alone = keras.Sequential([keras.Input([24]), layers[1]])
    model = M.DenoisingAutoencoder(
        alone, "tied", kc.augment.Masking(0.2), "cross_entropy", seed=4
    )
    model.compile(keras.optimizers.SGD(0.1))
    history = model.fit(features, batch_size=50, epochs=2, verbose=0).history
    # Another order of the points: the losses are near, not equal.
    np.testing.assert_allclose(history["loss"], histories[1]["loss"], rtol=0.05)


def test_one_call_pretrains_fine_tunes_and_keeps_the_best_epoch():
    images, labels = digits()
    found = M.stacked_dae(
        images[:600],
        labels[:600],
        masks(),
        (32, 24),
        epochs=5,
        fine_tune_epochs=12,
        fine_tune_learning_rate=0.5,
        validation=(images[600:900], labels[600:900]),
        batch_size=20,
    )
    accuracy = found.fine_tuning["val_accuracy"]
    assert max(accuracy) > 0.85
    x = images[600:900].reshape(300, -1) / 255
    kept = (found.classifier.predict(x, verbose=0).argmax(1) == labels[600:900]).mean()
    np.testing.assert_allclose(kept, max(accuracy), atol=1e-6)
    assert found.classifier.layers[0] is found.encoder
    assert len(found.pretraining) == 2


def test_the_same_seed_gives_the_same_stack():
    images, labels = digits()
    options = {"units": (12,), "epochs": 1, "fine_tune_epochs": 1, "seed": 5}
    first, second = (
        M.stacked_dae(images[:200], labels[:200], masks(1), **options) for _ in range(2)
    )
    for a, b in zip(
        first.classifier.get_weights(), second.classifier.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x, y: M.pretrain_stack(x, masks(1)), "`corruptions`"),
        (lambda x, y: M.pretrain_stack(x, [], ()), "`corruptions`"),
        (lambda x, y: M.pretrain_stack(x[:0], masks(1), (3,)), "`x`"),
        (
            lambda x, y: M.pretrain_stack(x, masks(1), (3,), activation="relu"),
            "`activation`",
        ),
        (lambda x, y: M.pretrain_stack(x, masks(1), (3,), epochs=-1), "`epochs`"),
        (lambda x, y: M.stacked_dae(x, y[:3], masks(1), (3,)), "`labels`"),
        (lambda x, y: M.stacked_dae(x, y - 1, masks(1), (3,)), "`labels`"),
        (lambda x, y: M.stacked_dae(x, y / 2, masks(1), (3,)), "`labels`"),
    ],
)
def test_bad_arguments_are_refused(call, words):
    x, y = np.zeros([6, 4], np.float32), np.arange(6) % 2
    with pytest.raises(ValueError, match=rf"(?s){words}.*Received: "):
        call(x, y)
