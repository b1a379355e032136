"""Rates that differ from layer to layer, and a trunk that is frozen at first."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.export import export_encoder, load_encoder
from tests.evaluation.nets import bars, fit, trunk

WHOLE = {"batch_size": 96}  # of the training images: order then decides nothing


def loss(logits, labels):
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return entropy(labels, logits)


def cosine(rate, steps):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))


def assert_same_ways(ours, theirs, before):
    """Both went the same way from `before`, but for rounding.

    As a whole: where a gradient is near 0, Adam's step is no smaller, and its sign
    anybody's guess.
    """
    for mine, other, start in zip(ours, theirs, before, strict=True):
        way = np.linalg.norm(other - start)
        assert np.linalg.norm(mine - other) < 0.02 * way


def test_layer_decay_is_one_adam_a_level_by_hand():
    encoder = trunk()
    result = fit(encoder, epochs=4, learning_rate=0.01, layer_decay=0.5, **WHOLE)
    by_hand = keras.models.clone_model(encoder)
    by_hand.set_weights(encoder.get_weights())
    head = keras.layers.Dense(3, kernel_initializer="zeros")
    head.build((None, 16))
    first, norm, second = by_hand.layers[1:4]
    levels = [
        (first.trainable_variables + norm.trainable_variables, 0.25),
        (second.trainable_variables, 0.5),
        (head.trainable_variables, 1.0),
    ]
    optimizers = [cosine(0.01 * factor, 4) for _, factor in levels]
    images, labels = bars(96, 0)
    for _ in range(4):
        with tf.GradientTape() as tape:
            value = loss(head(by_hand(images, training=True)), labels)
        gradients = tape.gradient(value, [variables for variables, _ in levels])
        for optimizer, (variables, _), found in zip(
            optimizers, levels, gradients, strict=True
        ):
            optimizer.apply(found, variables)
    expected = [*by_hand.get_weights(), *head.get_weights()]
    before = [*encoder.get_weights(), np.zeros((16, 3)), np.zeros(3)]
    assert_same_ways(result.model.get_weights(), expected, before)
    plain = fit(encoder, epochs=4, learning_rate=0.01, **WHOLE)
    with pytest.raises(AssertionError):
        assert_same_ways(plain.model.get_weights(), expected, before)


def test_a_reloaded_saved_model_decays_as_the_original(tmp_path):
    encoder = trunk()
    export_encoder(encoder, tmp_path / "encoder")
    reloaded = load_encoder(tmp_path / "encoder")
    options = {"epochs": 4, "learning_rate": 0.01, "layer_decay": 0.3, **WHOLE}
    before = [w.numpy() for w in reloaded.trainable_weights]
    original = fit(encoder, **options)
    result = fit(reloaded, copy=False, **options)
    one, other = (
        [w.numpy() for w in x.model.trainable_weights] for x in (original, result)
    )
    assert_same_ways(other, one, [*before, np.zeros((16, 3)), np.zeros(3)])


@pytest.mark.parametrize("epochs", [5, 6])
def test_a_head_on_a_frozen_trunk_is_one_on_its_features(epochs):
    """Batch norm and dropout in inference mode: the head sees the same features."""
    encoder = trunk(dropout=0.5)
    encoder.layers[2].set_weights([np.full(8, x) for x in (1.3, 0.1, 0.2, 0.5)])
    images, labels = bars(96, 0)
    features = encoder(images, training=False)
    before = [np.copy(w) for w in encoder.get_weights()]
    options = {"epochs": epochs, "learning_rate": 0.05, "freeze_epochs": 5, **WHOLE}
    result = fit(encoder, copy=False, **options)
    head = keras.Sequential(
        [keras.Input((16,)), keras.layers.Dense(3, kernel_initializer="zeros")]
    )
    optimizer = cosine(0.05, 5) if epochs == 5 else keras.optimizers.Adam(0.05)
    head.compile(optimizer, lambda true, logits: loss(logits, true))
    log = head.fit(features, labels, batch_size=96, epochs=5, verbose=0)
    np.testing.assert_allclose(
        result.history["loss"][:5], log.history["loss"], rtol=1e-4, atol=1e-5
    )
    if epochs > 5:
        return
    for old, new in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    trained = result.model.get_weights()[-2]
    assert_same_ways([trained], [head.get_weights()[0]], [np.zeros((16, 3))])


def test_the_trunk_waits_for_the_head_and_is_then_trained():
    encoder = trunk()
    encoder.layers[3].trainable = False
    kept = np.copy(encoder.layers[3].kernel)
    frozen = fit(encoder, epochs=2, freeze_epochs=2, copy=False, **WHOLE)
    flags = [layer.trainable for layer in encoder.layers]
    assert flags == [True, True, True, False, True]
    assert len(frozen.history["loss"]) == 2
    before = [np.copy(w) for w in encoder.get_weights()]
    # The first epoch is as before with a rate that does not fall, so that the one
    # step of the second is Adam's first: as long as the rate where there is a slope.
    options = {"epochs": 2, "freeze_epochs": 1, "learning_rate": 0.1, **WHOLE}
    result = fit(encoder, copy=False, **options)
    assert len(result.history["loss"]) == 2
    assert int(result.model.optimizer.iterations) == 1
    assert float(result.model.optimizer.learning_rate) == pytest.approx(0, abs=1e-6)
    moved = [
        np.abs(a - b).max() for a, b in zip(before, encoder.get_weights(), strict=True)
    ]
    np.testing.assert_allclose(moved[:4], 0.1, rtol=0.02)
    assert min(moved[4:6]) > 1e-4  # one update of the moving statistics
    np.testing.assert_array_equal(encoder.layers[3].kernel, kept)
    # The head was at zero: one step at the peak, and one that is no more than it.
    kernel = np.abs(result.model.get_weights()[-2])
    assert 0.1 < kernel.max() < 0.21
