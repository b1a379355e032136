"""Each collapse is made to happen in a fit, and its warning read."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.callbacks import CollapseWarning, RepresentationMonitor
from tests.contracts import zoo

SIZE = zoo.SIZE


class Meddler(keras.callbacks.Callback):
    """Does to the trunk at the end of an epoch what bad training would."""

    def __init__(self, change, epoch=0):
        super().__init__()
        self.change = change
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            self.change(self.model.encoder.layers[-1], logs)


def trunk(activation=None):
    inputs = keras.Input((SIZE, SIZE, 3))
    flat = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, keras.layers.Dense(16, activation)(flat))


def simclr(augment=None, learning_rate=1e-4, **options):
    options = {"projection_dim": 8, "temperature": 0.5, **options}
    model = kc.models.SimCLR(trunk(), augment or zoo.mild(), seed=0, **options)
    # Faster than tracing, for so few steps.
    model.compile(keras.optimizers.SGD(learning_rate), run_eagerly=True)
    return model


def fit(model, *before, epochs=1, data=None, **options):
    """Returns what the monitor warned of."""
    monitor = RepresentationMonitor(zoo.images(48), **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CollapseWarning)
        data = zoo.dataset("SimCLR on images") if data is None else data
        model.fit(data, epochs=epochs, callbacks=[*before, monitor], verbose=0)
    return [str(x.message) for x in caught if x.category is CollapseWarning]


def bias_only(layer, logs=None):
    layer.kernel.assign(tf.zeros_like(layer.kernel))
    layer.bias.assign(tf.ones_like(layer.bias))


def rank_one(layer, logs=None):
    kernel = layer.kernel.numpy()
    layer.kernel.assign(kernel[:, :1] * np.linspace(1, 2, 16, dtype="f"))


def test_a_healthy_run_is_silent():
    keras.utils.set_random_seed(0)
    model = zoo.simclr()
    model.compile(keras.optimizers.Adam(1e-3))
    monitor = RepresentationMonitor(zoo.images(48), augment=zoo.mild())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = model.fit(
            zoo.dataset("SimCLR on images"), epochs=3, callbacks=[monitor], verbose=0
        )
    assert np.isfinite(history.history["alignment"]).all()


def test_features_with_a_large_mean_are_not_collapsed():
    """The mean is one strong direction, but not one in which the images differ."""

    def far(layer, logs=None):
        layer.bias.assign(tf.fill(layer.bias.shape, 15.0))

    model = simclr()
    assert fit(model, Meddler(far)) == []
    features, _ = kc.evaluation.extract_features(model.encoder, zoo.images(48))
    assert kc.evaluation.effective_rank(features) < 2


def test_a_point_during_training_blames_the_rate_and_a_high_temperature():
    (words,) = fit(simclr(temperature=5.0), Meddler(bias_only))
    assert words.startswith("Complete collapse at epoch 1: all images map to one point")
    assert "0.00% of it in the features" in words
    assert "warned of below 2%" in words
    assert "a temperature, 5, at which" in words
    assert "a learning rate, now 0.0001, that is too high (a loss of " in words
    (words,) = fit(simclr(), Meddler(bias_only))
    assert "temperature" not in words
    assert "negatives" not in words


def test_a_point_from_the_start_does_not_blame_the_training():
    model = simclr(learning_rate=0.0)
    bias_only(model.encoder.layers[-1])
    (words,) = fit(model)
    assert "Likely: the start, not the training" in words
    assert "learning rate" not in words


def test_a_point_without_negatives_is_told_by_its_loss():
    """All labels alike: nothing pushes, and the training itself collapses."""
    model = kc.models.Siamese(trunk(), zoo.mild(), pairs="labels", seed=0)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    one_class = zoo.dataset("SimCLR on images").map(
        lambda x: {**x, "label": 0 * x["label"]}
    )
    words = fit(model, data=one_class, epochs=20)
    (complete,) = [x for x in words if x.startswith("Complete")]
    assert "no negatives (one kind or one image a batch)" in complete
    assert "says that nothing pushes apart" in complete
    assert "learning rate" not in complete


def test_embeddings_alone_count_too():
    model = simclr(learning_rate=0.0)
    bias_only(model.projection.layers[-1])
    (words,) = fit(model)
    assert "0.00% in the embeddings that the loss compares" in words
    assert "0.00% of it in the features" not in words


def test_a_momentum_target_that_has_hardly_moved_is_named():
    model = simclr()
    model.momentum = 0.9999
    (words,) = fit(model, Meddler(bias_only))
    assert "momentum of 0.9999 has renewed 0.0% so far" in words
    model = simclr()
    model.momentum = 0.5
    (words,) = fit(model, Meddler(bias_only))
    assert "momentum" not in words


def test_images_that_are_all_alike_are_told():
    monitor = RepresentationMonitor(np.full((8, SIZE, SIZE, 3), 0.5, "float32"))
    with pytest.warns(CollapseWarning, match="that are measured are all alike"):
        simclr().fit(zoo.dataset("SimCLR on images"), callbacks=[monitor], verbose=0)


def test_a_line_of_features_is_a_dimensional_collapse():
    (words,) = fit(simclr(learning_rate=0.01), Meddler(rank_one))
    assert words.startswith("Dimensional collapse at epoch 1: the images differ in 1.0")
    assert "of 16 directions" in words
    assert "an augmentation so strong" in words
    assert "a learning rate, now 0.01" in words
    model = simclr(learning_rate=0.0)
    rank_one(model.encoder.layers[-1])
    (words,) = fit(model)
    assert "the start, not the training" in words
    assert "augmentation" not in words


def test_a_line_names_dead_units_and_a_missing_head():
    def one_unit(layer, logs=None):
        layer.kernel.assign(layer.kernel * np.eye(16, dtype="f")[0])

    model = kc.models.Siamese(trunk(), zoo.mild(), seed=0)
    model.compile(keras.optimizers.SGD(1e-4))
    (words,) = fit(model, Meddler(one_unit))
    assert "dead ReLUs, for 15 features are the same in all images" in words
    assert "no projection head" in words


@pytest.mark.parametrize(
    ("augment", "words"),
    [
        (keras.layers.Identity(), "is the identity: both views have the same pixels"),
        (keras.layers.GaussianNoise(1e-4, seed=1), "the augmentation is too weak"),
    ],
)
def test_an_augmentation_that_does_nothing(augment, words):
    floats = zoo.dataset("SimCLR on images").map(
        lambda x: tf.cast(x["image"], tf.float32) / 255
    )
    model = simclr(augment)
    (warned,) = fit(model, augment=augment, data=floats)
    assert warned.startswith("Nothing to learn at epoch 1: two views of an image")
    assert words in warned
    assert "contrastive accuracy 1" in warned


def test_an_encoder_that_learns_to_ignore_its_augmentation_is_not_blamed():
    """Views near each other at the end of a training, and far before."""
    pairs = tuple(zoo.images(16, seed).astype("f") / 255 for seed in (1, 2))

    def blind_to_the_difference(layer, logs=None):
        # Away from all the directions in which the pairs differ.
        difference = (pairs[0] - pairs[1]).reshape(16, -1)
        basis = np.linalg.qr(difference.T)[0]
        kernel = layer.kernel.numpy()
        layer.kernel.assign(kernel - basis @ (basis.T @ kernel))

    assert fit(simclr(), Meddler(blind_to_the_difference), pairs=pairs) == []


def test_non_finite_weights_and_overflow_are_told_apart():
    def nan(layer, logs=None):
        layer.kernel.assign(layer.kernel * float("nan"))

    def huge(layer, logs=None):
        layer.kernel.assign(tf.fill(layer.kernel.shape, 3e38))

    (words,) = fit(simclr(), Meddler(nan, epoch=1), epochs=2)
    assert words.startswith("Non-finite features at epoch 2. Nor are 1 of ")
    assert "a learning rate, now 0.0001, that is too high" in words
    (words,) = fit(simclr(), Meddler(huge))
    assert "The weights are finite. Likely: an overflow in the trunk" in words
    assert "computed in float32" in words


def test_it_warns_once_a_kind_a_fit():
    model = simclr(learning_rate=0.0)
    rank_one(model.encoder.layers[-1])
    words = fit(model, Meddler(bias_only, epoch=2), epochs=5)
    assert [x.split()[0] for x in words] == ["Dimensional", "Complete"]
    assert len(fit(model, epochs=2)) == 1


def test_it_warns_on_measured_epochs_alone():
    model = simclr(learning_rate=0.0)
    words = fit(model, Meddler(bias_only, epoch=1), epochs=4, every=3)
    assert words[0].startswith("Complete collapse at epoch 3")
