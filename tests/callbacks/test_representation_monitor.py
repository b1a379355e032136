import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.callbacks import CollapseWarning, RepresentationMonitor
from keras_contrastive.evaluation import (
    alignment,
    effective_rank,
    extract_features,
    feature_std,
    uniformity,
)


def images(count=40):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 1, (count, 6, 6, 1)).astype("float32")


class Toy(keras.Model):
    """Any model with an `encoder`."""

    def __init__(self):
        super().__init__()
        self.encoder = keras.Sequential(
            [
                keras.Input((6, 6, 1)),
                keras.layers.Conv2D(5, 3),
                keras.layers.BatchNormalization(momentum=0.5),
                keras.layers.GlobalAveragePooling2D(),
            ]
        )

    def call(self, x, training=None):
        return self.encoder(x, training=training)


def fit(model, *callbacks, **arguments):
    model.compile(keras.optimizers.SGD(0.05), "mse", jit_compile=False)
    x, y = images(32), np.ones((32, 5))
    arguments = {"epochs": 2, "batch_size": 8, "shuffle": False, **arguments}
    return model.fit(x, y, verbose=0, callbacks=callbacks, **arguments).history


def test_numbers_are_those_of_the_first_images_in_inference_mode():
    model = Toy()
    history = fit(model, RepresentationMonitor(images(), size=25, batch_size=7))
    features, _ = extract_features(model.encoder, images(25))
    assert history["effective_rank"][-1] == pytest.approx(
        effective_rank(features), rel=1e-4
    )
    assert history["uniformity"][-1] == pytest.approx(uniformity(features), rel=1e-4)
    assert history["feature_std"][-1] == pytest.approx(feature_std(features), rel=1e-4)


def test_a_shuffled_dataset_is_read_once():
    data = tf.data.Dataset.from_tensor_slices({"image": images(), "label": range(40)})
    monitor = RepresentationMonitor(
        data.shuffle(40).batch(8), size=10, encoder=keras.layers.Flatten()
    )
    assert monitor.images.shape == (10, 6, 6, 1)
    history = fit(Toy(), monitor, epochs=3)
    assert len(set(history["uniformity"])) == 1


def test_training_is_the_same_with_and_without():
    plain, watched = Toy(), Toy()
    watched.set_weights(plain.get_weights())
    fit(plain)
    fit(watched, RepresentationMonitor(images()))
    for one, two in zip(plain.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_epochs_between_and_diverged_models_are_nan():
    history = fit(Toy(), RepresentationMonitor(images(), every=3), epochs=4)
    for name in ("effective_rank", "uniformity", "feature_std"):
        assert [math.isnan(x) for x in history[name]] == [False, True, False, False]
    model = Toy()
    model.encoder.layers[0].kernel.assign(np.full((3, 3, 1, 5), np.nan))
    with pytest.warns(CollapseWarning, match="Non-finite features at epoch 1"):
        history = fit(model, RepresentationMonitor(images()), epochs=1)
    assert math.isnan(history["uniformity"][0])


def test_alignment_is_that_of_two_fixed_views_in_inference_mode():
    model, policy = Toy(), kc.augment.digits(6)
    monitor = RepresentationMonitor(images(), batch_size=16, augment=policy, seed=5)
    history = fit(model, monitor)
    views = [policy(images(), seed=[5, view]) for view in (0, 1)]
    features = [extract_features(model.encoder, x.numpy())[0] for x in views]
    expected = alignment(*features)
    assert expected > 1e-4
    assert history["alignment"][-1] == pytest.approx(expected, rel=1e-4)
    pairs = RepresentationMonitor(images(), pairs=views)
    assert fit(model, pairs, epochs=1)["alignment"] == pytest.approx(
        [alignment(*(extract_features(model.encoder, x.numpy())[0] for x in views))]
    )


def test_without_views_there_is_no_alignment():
    assert "alignment" not in fit(Toy(), RepresentationMonitor(images()))


def test_a_layer_without_a_seed_makes_its_views_once():
    noise = keras.layers.GaussianNoise(0.1, seed=0)
    monitor = RepresentationMonitor(images(), augment=noise)
    before = np.stack(monitor.pairs)
    assert not np.array_equal(*before)
    assert before.min() == 0  # What overshot is back in range, where trunks want it.
    assert before.max() == 1
    assert min(fit(Toy(), monitor)["alignment"]) > 0
    np.testing.assert_array_equal(before, np.stack(monitor.pairs))


def test_images_are_resized():
    monitor = RepresentationMonitor(np.repeat(images(), 2, axis=1), image_size=6)
    assert monitor.images.shape == (40, 6, 6, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 1}, "`size` must be at least 2"),
        ({"every": 0}, "`every` must be at least 1"),
        ({"images": images(1)}, "at least two images. Received: 1"),
        ({"images": images(0)}, "at least two images. Received: 0"),
        ({"pairs": (images(4), images(5))}, r"`pairs`.*Received: shapes \[\(4"),
        ({"pairs": (images(1), images(1))}, "`pairs` must hold at least two.*: 1"),
        (
            {"pairs": (images(4), images(4)), "augment": keras.layers.Identity()},
            "`augment` and `pairs` must not be given both",
        ),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        RepresentationMonitor(**{"images": images(), **arguments})


def test_an_augmentation_must_be_a_layer():
    with pytest.raises(TypeError, match=r"`augment` must be a Keras.*Received: "):
        RepresentationMonitor(images(), augment=lambda x: x)
