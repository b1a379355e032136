import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.contracts import zoo
from tests.reference.sup_con import sup_con as slow_sup_con


def on_views(**options):
    keras.utils.set_random_seed(1)
    options = {"projection_dim": 8, "temperature": 0.5, "seed": 3, **options}
    return kc.models.SupCon(zoo.trunk(), **options)


def batch(labels, count=16):
    policy = kc.augment.simclr(zoo.SIZE)
    views = tuple(policy(zoo.images(count), seed=[1, v]) for v in range(2))
    return {"views": views, "label": tf.constant(labels)}


def test_a_step_is_the_paper_s():
    """One SGD step by hand: every view of the anchor's class is a positive."""
    labels = np.arange(16) % 3
    model, other = on_views(), on_views()
    model.compile(keras.optimizers.SGD(0.1))
    data = batch(labels)
    with tf.GradientTape() as tape:
        features = other.encoder(tf.concat(data["views"], 0), training=True)
        z = tf.math.l2_normalize(other.projection(features, training=True), axis=1)
        logits = tf.matmul(z, z, transpose_b=True) / 0.5
        others = 1 - tf.eye(32)
        twice = tf.tile(labels, [2])
        positive = tf.cast(twice[:, None] == twice[None], tf.float32) * others
        total = tf.reduce_sum(tf.exp(logits) * others, 1, keepdims=True)
        log_softmax = logits - tf.math.log(total)
        each = tf.reduce_sum(positive * log_softmax, 1) / tf.reduce_sum(positive, 1)
        loss = -tf.reduce_mean(each)
    gradients = tape.gradient(loss, other.trainable_variables)
    expected = slow_sup_con(z.numpy(), np.tile(labels, 2), 0.5).mean()
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    logs = model.train_on_batch(data, return_dict=True)
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-6)
    for variable, old, gradient in zip(
        model.trainable_variables, other.trainable_variables, gradients, strict=True
    ):
        np.testing.assert_allclose(variable, old - 0.1 * gradient, atol=1e-6)


def test_metrics_are_what_they_say():
    labels = np.arange(16) % 5
    for block_size in (None, 10):
        model = on_views(block_size=block_size)
        model.compile("sgd")
        data = batch(labels)
        logs = model.evaluate(
            tf.data.Dataset.from_tensors(data), verbose=0, return_dict=True
        )
        views = tf.concat(data["views"], 0)
        z = model.projection(model.encoder(views)).numpy()
        z /= np.linalg.norm(z, axis=1, keepdims=True)
        nearest = (z @ z.T - 10 * np.eye(32)).argmax(1)
        right = (np.tile(labels, 2)[nearest] == np.tile(labels, 2)).mean()
        assert 0 < right < 1
        np.testing.assert_allclose(logs["contrastive_accuracy"], right, atol=1e-6)
        np.testing.assert_allclose(logs["embedding_std"], z[:16].std(0).mean(), 1e-5)


def test_without_shared_labels_it_is_simclr():
    keras.utils.set_random_seed(1)
    simclr = zoo.simclr_on_views()
    model = on_views()
    for each in (simclr, model):
        each.compile(keras.optimizers.SGD(0.1))
        each.train_on_batch(batch(np.arange(16) * 2**40))
    for ours, theirs in zip(
        model.trainable_variables, simclr.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_one_class_is_legal():
    model = on_views()
    model.compile(keras.optimizers.SGD(0.1))
    logs = model.train_on_batch(batch(np.zeros(16, int)), return_dict=True)
    assert np.isfinite(logs["loss"])
    assert logs["contrastive_accuracy"] == 1
    for variable in model.variables:
        assert np.isfinite(variable.numpy()).all()


def test_it_learns_the_classes_of_coloured_images():
    rng = np.random.default_rng(0)
    labels = np.arange(256) % 4
    colours = rng.uniform(0.2, 0.8, (4, 1, 1, 3))
    noise = rng.normal(scale=0.15, size=(256, zoo.SIZE, zoo.SIZE, 3))
    images = np.clip(colours[labels] + noise, 0, 1).astype("float32")
    keras.utils.set_random_seed(1)
    model = kc.models.SupCon(zoo.trunk(), zoo.mild(), projection_dim=8, seed=3)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9))
    history = model.fit(images, labels, batch_size=64, epochs=8, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] - 0.5
    assert history["contrastive_accuracy"][-1] > 0.8


def test_missing_and_unfit_labels_are_named():
    model = kc.models.SupCon(zoo.trunk(), zoo.mild(), seed=0)
    model.compile("sgd")
    images = zoo.images(16)
    for nothing in (
        tf.data.Dataset.from_tensors(images),
        tf.data.Dataset.from_tensors({"image": images, "id": np.arange(16)}),
    ):
        with pytest.raises(ValueError, match=r"`x` .*'label'.*Received: .*\['image'\]"):
            model.fit(nothing, verbose=0)
        with pytest.raises(ValueError, match=r"`x` .*'label'.*Received: "):
            model.evaluate(nothing, verbose=0)
    with pytest.raises(ValueError, match=r"`x` .*'label'.*Received: "):
        model.fit(images, verbose=0)
    for labels in (np.zeros(16), np.zeros((16, 4), int), ["a"] * 16):
        data = tf.data.Dataset.from_tensors((images, labels))
        with pytest.raises(TypeError, match=r"integer labels.*Received: "):
            model.fit(data, verbose=0)
    assert model.step.numpy() == 0
