import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.contracts import zoo
from tests.reference import margin_contrastive as slow
from tests.reference.distance import distance
from tests.reference.triplet import triplet as slow_triplet

LABELS = np.arange(16) % 5


def views(count=16):
    policy = kc.augment.simclr(zoo.SIZE)
    return tuple(policy(zoo.images(count), seed=[1, v]) for v in range(2))


def make(seed=1, learning_rate=0.1, **options):
    keras.utils.set_random_seed(seed)
    model = kc.models.Siamese(zoo.trunk(), seed=0, **options)
    model.compile(keras.optimizers.SGD(learning_rate))
    return model


def evaluated(model, **batch):
    data = tf.data.Dataset.from_tensors({"views": views(), **batch})
    logs = model.evaluate(data, verbose=0, return_dict=True)
    z = model.embed(views(), training=False).numpy()
    return logs, z


@pytest.mark.parametrize("kind", ["l2", "cosine"])
@pytest.mark.parametrize("dim", [None, 4])
@pytest.mark.parametrize("pairs", ["views", "labels"])
def test_the_loss_is_the_slow_loop_s_over_all_views(kind, dim, pairs):
    kinds = np.tile(np.arange(16) if pairs == "views" else LABELS, 2)
    options = {"pairs": pairs, "distance": kind, "projection_dim": dim}
    logs, z = evaluated(make(**options), label=LABELS)
    expected = slow.in_batch(z, kinds, 1.0, kind).mean()
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-4)
    for mining in ("semi_hard", "hard", "all"):
        options |= {"loss": "triplet", "mining": mining}
        logs, z = evaluated(make(**options), label=LABELS)
        expected = slow_triplet(z, kinds, 0.2, kind, mining).mean()
        np.testing.assert_allclose(logs["loss"], expected, rtol=1e-4)


@pytest.mark.parametrize("pairs", ["views", "labels"])
def test_metrics_are_what_they_say(pairs):
    model = make(pairs=pairs, projection_dim=4)
    logs, z = evaluated(model, label=LABELS)
    kinds = np.tile(np.arange(16) if pairs == "views" else LABELS, 2)
    right = []
    for i in range(32):
        others = [j for j in range(32) if j != i]
        nearest = min(others, key=lambda j: distance(z[i], z[j], "cosine"))
        right.append(kinds[nearest] == kinds[i])
    assert 0 < np.mean(right) < 1
    np.testing.assert_allclose(logs["contrastive_accuracy"], np.mean(right), atol=1e-6)
    lengths = np.linalg.norm(z, axis=1)
    np.testing.assert_allclose(logs["embedding_norm"], lengths.mean(), rtol=1e-5)
    unit = z / lengths[:, None]
    np.testing.assert_allclose(logs["embedding_std"], unit.std(0).mean(), rtol=1e-4)


def test_a_step_is_gradient_descent_on_the_loss():
    model, other = make(projection_dim=4), make(projection_dim=4)
    with tf.GradientTape() as tape:
        z = other.projection(
            other.encoder(tf.concat(views(), 0), training=True), training=True
        )
        z = tf.math.l2_normalize(z, axis=1)
        away = tf.linalg.norm(z[:, None] - z[None] + 1e-12, axis=2)
        alike = np.tile(np.eye(16), (2, 2)) - np.eye(32)
        other_kind = 1 - np.tile(np.eye(16), (2, 2))
        pull = tf.reduce_sum(alike * away**2) / 32
        push = tf.reduce_sum(other_kind * tf.nn.relu(1 - away) ** 2) / 32 / 30
        loss = pull + push
    gradients = tape.gradient(loss, other.trainable_variables)
    logs = model.train_on_batch({"views": views()}, return_dict=True)
    np.testing.assert_allclose(logs["loss"], loss, rtol=1e-5)
    for variable, old, gradient in zip(
        model.trainable_variables, other.trainable_variables, gradients, strict=True
    ):
        np.testing.assert_allclose(variable, old - 0.1 * gradient, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "margin", "distance": "l2", "margin": 10.0},
        {"loss": "triplet", "pairs": "labels", "mining": "semi_hard", "margin": 1.0},
        {"loss": "triplet", "pairs": "views", "mining": "hard", "margin": 1.0},
    ],
)
def test_two_replicas_have_the_gradient_of_one(options, two_devices):
    """One step from the same weights, so that the step shows the gradient alone."""
    batch = tf.data.Dataset.from_tensors({"views": views(), "label": LABELS})
    options = {**options, "projection_dim": 4}
    alone = make(learning_rate=1.0, **options)
    start = [v.numpy() for v in alone.trainable_variables]
    history = alone.fit(batch, verbose=0).history
    with two_devices.scope():
        shared = make(learning_rate=1.0, **options)
    other = shared.fit(batch, verbose=0).history
    for key, values in history.items():
        np.testing.assert_allclose(other[key], values, atol=1e-5, err_msg=key)
    for before, one, two in zip(
        start, alone.trainable_variables, shared.trainable_variables, strict=True
    ):
        gradient = before - one.numpy()
        # L2 does not see a shift, which is all that the last bias does.
        assert before.ndim < 2 or np.abs(gradient).max() > 1e-3
        difference = before - two.numpy() - gradient
        assert np.abs(difference).max() < 1e-5 * max(1, np.abs(gradient).max())


def test_length_is_free_under_cosine_and_counts_under_l2():
    for kind, moved in (("cosine", False), ("l2", True)):
        model = make(distance=kind, projection_dim=4)
        before, _ = evaluated(model)
        last = model.projection.layers[-1]
        last.kernel.assign(3 * last.kernel)
        last.bias.assign(3 * last.bias)
        after, _ = evaluated(model)
        assert (abs(after["loss"] - before["loss"]) > 1e-4) == moved
        np.testing.assert_allclose(
            after["embedding_norm"], 3 * before["embedding_norm"], rtol=1e-5
        )
        assert after["contrastive_accuracy"] == before["contrastive_accuracy"]


def test_labels_are_read_in_every_form():
    model = kc.models.Siamese(zoo.trunk(), zoo.mild(), pairs="labels", seed=0)
    model.compile("sgd")
    pair = zoo.images(32), np.arange(32) % 4
    model.fit(*pair, batch_size=16, verbose=0)
    model.fit(tf.data.Dataset.from_tensor_slices(pair).batch(16), verbose=0)
    assert model.step.numpy() == 4


def test_missing_and_unfit_labels_stop_before_the_first_step():
    model = kc.models.Siamese(zoo.trunk(), zoo.mild(), pairs="labels", seed=0)
    model.compile("sgd")
    slices = tf.data.Dataset.from_tensor_slices

    def fit(data):
        model.fit(data.batch(16), verbose=0)

    with pytest.raises(ValueError, match=r"must hold labels.*Received: .*'image'"):
        fit(slices({"image": zoo.images(32)}))
    with pytest.raises(ValueError, match=r"must hold labels.*Received: .*'image'"):
        model.fit(zoo.images(32), batch_size=16, verbose=0)
    for labels in (np.zeros(32), np.zeros((32, 1), int), ["a"] * 32):
        with pytest.raises(ValueError, match=r"one integer label.*Received: labels of"):
            fit(slices((zoo.images(32), labels)))
    assert model.step.numpy() == 0


def test_labels_are_left_alone_where_views_say_what_is_alike():
    model = kc.models.Siamese(zoo.trunk(), zoo.mild(), seed=0)
    model.compile("sgd")
    data = {"image": zoo.images(16), "label": ["a"] * 16}
    model.fit(tf.data.Dataset.from_tensor_slices(data).batch(16), verbose=0)
    assert model.step.numpy() == 1


def test_each_loss_has_its_margin_and_the_config_says_it():
    for loss, margin in (("margin", 1.0), ("triplet", 0.2)):
        model = kc.models.Siamese(zoo.trunk(), loss=loss, pairs="labels")
        assert model.margin == margin
        again = kc.models.Siamese.from_config(model.get_config())
        assert again.loss_name == loss
        assert again.margin == margin
        assert again.features[-1] == "label"


def test_bad_arguments_are_named():
    for options, words in (
        ({"loss": "softmax"}, r"`loss`.*margin, triplet. Received: 'softmax'"),
        ({"pairs": "ids"}, r"`pairs`.*views, labels. Received: 'ids'"),
        ({"distance": "L2"}, r"`distance`.*l2, cosine. Received: 'L2'"),
        ({"mining": "soft"}, r"`mining`.*semi_hard.*Received: 'soft'"),
        ({"margin": 0}, r"`margin`.*Received: 0"),
        ({"projection_dim": 0}, r"`projection_dim`.*Received: 0"),
    ):
        with pytest.raises(ValueError, match=words):
            kc.models.Siamese(zoo.trunk(), **options)
