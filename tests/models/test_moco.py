import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive import _seeded
from tests.contracts import zoo
from tests.reference.info_nce import info_nce as slow_info_nce


def views(seed, count=16):
    policy = kc.augment.simclr(zoo.SIZE)
    return tuple(policy(zoo.images(count), seed=[seed, v]) for v in range(2))


def on_views(**options):
    keras.utils.set_random_seed(1)
    options = {"queue_size": 40, "momentum": 0.9, "temperature": 0.5, **options}
    model = kc.models.MoCo(zoo.trunk(), projection_dim=8, seed=3, **options)
    model.compile(keras.optimizers.SGD(0.1))
    return model


def grouped(layers, images, groups):
    """Runs layers on each group of rows by itself, without the library's groups."""
    rows = []
    for part in tf.split(images, groups):
        for layer in layers:
            part = layer(part, training=True)
        rows.append(part)
    return tf.concat(rows, 0)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("groups", [1, 4])
def test_steps_are_the_paper_s(symmetric, groups):
    """Algorithm 1 by hand, two steps: loss, SGD, momentum, then the queue."""
    model = on_views(symmetric=symmetric, batch_norm_groups=groups)
    other = on_views(symmetric=symmetric, batch_norm_groups=groups)
    layers, key_layers = [other.encoder, other.projection], other.key_encoder.copies
    queue = np.zeros((0, 8))
    for step in range(2):
        a, b = views(step)
        pairs = [(a, b), (b, a)] if symmetric else [(a, b)]
        keys = []
        for number, (_, image) in enumerate(pairs):
            seed = _seeded.fold_in(tf.constant([3, step], tf.int64), 2 + number)
            order = np.argsort(_seeded.uniform([16], seed).numpy(), kind="stable")
            if groups == 1:
                order = np.arange(16)
            shuffled = grouped(key_layers, tf.gather(image, order), groups)
            keys.append(shuffled.numpy()[np.argsort(order)])
        expected = 0.0
        with tf.GradientTape() as tape:
            loss = 0.0
            for (image, _), key in zip(pairs, keys, strict=True):
                query = grouped(layers, image, groups)
                expected += slow_info_nce(query.numpy(), key, [queue] * 16, 0.5).mean()
                q = tf.math.l2_normalize(query, axis=1)
                k = tf.math.l2_normalize(key, axis=1)
                positive = tf.exp(tf.reduce_sum(q * k, 1) / 0.5)
                negative = tf.exp(q @ queue.T.astype("float32") / 0.5)
                total = positive + tf.reduce_sum(negative, 1)
                loss -= tf.reduce_mean(tf.math.log(positive / total)) / len(pairs)
        variables = [v for layer in layers for v in layer.trainable_variables]
        gradients = tape.gradient(loss, variables)
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(0.1 * gradient)
        for layer, key_layer in zip(layers, key_layers, strict=True):
            for q, k in zip(layer.variables, key_layer.variables, strict=True):
                if q.trainable:
                    k.assign(0.9 * k + 0.1 * q)
        for key in keys:
            rows = key / np.linalg.norm(key, axis=1, keepdims=True)
            queue = np.concatenate([queue, rows])[-40:]
        logs = model.train_on_batch({"views": (a, b)}, return_dict=True)
        model.loss_mean.reset_state()
        np.testing.assert_allclose(logs["loss"], expected / len(pairs), rtol=1e-5)
    for ours, theirs in (
        (model.encoder, other.encoder),
        (model.projection, other.projection),
    ):
        for a, b in zip(
            ours.trainable_variables, theirs.trainable_variables, strict=True
        ):
            np.testing.assert_allclose(a, b, atol=1e-5, err_msg=a.path)
    for a, b in zip(
        model.key_encoder.variables, other.key_encoder.variables, strict=True
    ):
        if groups == 1 or "moving" not in a.path:
            np.testing.assert_allclose(a, b, atol=1e-5, err_msg=a.path)
    stored = model.queue.keys.numpy()
    start = int(model.queue._next.numpy()) if len(queue) == 40 else 0
    np.testing.assert_allclose(
        np.roll(stored, -start, axis=0)[: len(queue)], queue, atol=1e-5
    )


def test_a_query_never_meets_its_own_key_in_the_queue():
    """A queue of one step's keys: had they entered first, all would be positives."""
    model = on_views(queue_size=32, symmetric=True, momentum=0.0, batch_norm_groups=1)
    same = zoo.images(16) / 255
    batch = {"views": (same.astype("float32"), same.astype("float32"))}
    logs = model.train_on_batch(batch, return_dict=True)
    # The first step has the positive alone.
    np.testing.assert_allclose(logs["loss"], 0, atol=1e-6)


def test_v1_has_a_linear_head():
    model = on_views(projection_layers=1)
    assert [type(x).__name__ for x in model.projection.layers] == [
        "InputLayer",
        "Dense",
    ]
    two = on_views().projection.layers
    assert [type(x).__name__ for x in two] == ["InputLayer", "Dense", "ReLU", "Dense"]


def test_evaluating_leaves_the_queue_and_the_keys():
    model = on_views()
    model.train_on_batch({"views": views(0)})
    before = [v.numpy() for v in model.queue.variables + model.key_encoder.variables]
    model.evaluate(tf.data.Dataset.from_tensors({"views": views(1)}), verbose=0)
    after = [v.numpy() for v in model.queue.variables + model.key_encoder.variables]
    assert all(map(np.array_equal, before, after))


def test_bad_input():
    data = tf.data.Dataset.from_tensors({"views": views(0)})
    with pytest.raises(ValueError, match=r"queue_size` 8\. Received: 16 keys"):
        on_views(queue_size=8).fit(data, verbose=0)
    with pytest.raises(ValueError, match=r"queue_size` 16\. Received: 32 keys"):
        on_views(queue_size=16, symmetric=True).fit(data, verbose=0)
    with pytest.raises(ValueError, match=r"`size`.*Received: 0"):
        on_views(queue_size=0)
    with pytest.raises(ValueError, match=r"`batch_norm_groups`.*Received: .*16"):
        on_views(batch_norm_groups=3).fit(data, verbose=0)
    with pytest.raises(ValueError, match=r"`momentum`.*Received: 1.5"):
        on_views(momentum=1.5)
    with pytest.raises(ValueError, match=r"`temperature`.*Received: 0"):
        on_views(temperature=0)
    inputs = keras.Input((zoo.SIZE, zoo.SIZE, 3))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(inputs))
    stock = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    with pytest.raises(ValueError, match=r"Keras's own batch norm.*Received: 8"):
        kc.models.MoCo(stock)
    kc.models.MoCo(stock, batch_norm_groups=1)
