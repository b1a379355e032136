import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.models.momentum import MomentumEncoder, shuffled_keys
from tests.contracts import zoo


def test_it_starts_as_a_copy_and_follows():
    trunk = zoo.trunk()
    copy = MomentumEncoder([trunk], 0.75)
    before = [v.numpy() for v in copy.variables]
    for old, source in zip(before, trunk.variables, strict=True):
        np.testing.assert_array_equal(old, source)
    for variable in trunk.variables:
        variable.assign(variable + 1)
    copy.follow([trunk], 1)
    trained = [v.trainable for v in trunk.variables]
    assert 0 < sum(trained) < len(trained)
    for old, new, follows in zip(before, copy.variables, trained, strict=True):
        # Batch norm's moving statistics, not trained, stay the copy's own.
        np.testing.assert_allclose(new, old + (0.25 if follows else 0), atol=1e-6)


def test_nothing_of_it_is_trained_but_its_statistics_move():
    copy = MomentumEncoder([zoo.trunk()], 0.9)
    assert copy.trainable_variables == []
    images = tf.constant(zoo.images(8) / 255, tf.float32)
    infer, train = copy(images, training=False), copy(images, training=True)
    assert np.abs(infer - train).max() > 1e-3
    assert np.abs(copy(images, training=False) - infer).max() > 1e-3
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(copy(images, training=True))
    assert tape.gradient(total, images) is None


def test_thawing_the_model_leaves_the_keys_frozen():
    model = zoo.MODELS["MoCo"]()
    trained = [v.path for v in model.trainable_variables]
    model.trainable = False
    assert model.trainable_variables == []
    model.trainable = True
    assert [v.path for v in model.trainable_variables] == trained
    assert model.key_encoder.trainable_variables == []
    # Batch norm takes its own batch again.
    images = tf.constant(zoo.images(8) / 255, tf.float32)
    infer, train = (model.key_encoder(images, training=t) for t in (False, True))
    assert np.abs(infer - train).max() > 1e-3


def test_a_schedule_is_asked_for_the_step():
    trunk = zoo.trunk()
    copy = MomentumEncoder([trunk], kc.optimizers.CosineMomentum(0.0, 10))
    kernel = copy.variables[0]
    old = kernel.numpy()
    trunk.variables[0].assign(tf.ones_like(old))
    copy.follow([trunk], tf.constant(10))
    np.testing.assert_array_equal(kernel, old)
    copy.follow([trunk], tf.constant(5))
    np.testing.assert_allclose(kernel, (old + 1) / 2, atol=1e-6)


def test_keys_come_back_to_their_images():
    trunk = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten()])
    images = tf.random.stateless_uniform([8, 4, 4, 3], [0, 1])
    keys = shuffled_keys(MomentumEncoder([trunk], 0.9), images, 4, [1, 2])
    np.testing.assert_array_equal(keys, tf.reshape(images, [8, -1]))


def test_shuffling_parts_a_query_from_the_group_of_its_key():
    """With groups of two, statistics alone would tell an image's neighbour."""
    trunk = zoo.trunk()
    encode = MomentumEncoder([trunk], 0.9)
    images = tf.constant(zoo.images(16) / 255, tf.float32)
    with kc.encoders.split_statistics(8):
        in_order = encode(images, training=True)
    different = [
        np.abs(shuffled_keys(encode, images, 8, [1, step]) - in_order).max(1)
        for step in range(5)
    ]
    # 1 in 15 keeps its neighbour.
    assert np.mean(np.array(different) > 1e-3) > 0.8
    first, second = (shuffled_keys(encode, images, 8, [1, s]) for s in (1, 2))
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(shuffled_keys(encode, images, 8, [1, 1]), first)


@pytest.mark.parametrize("momentum", [-0.1, 1.0, 2])
def test_bad_momentum(momentum):
    with pytest.raises(ValueError, match=r"`momentum`.*\[0, 1\).*Received: "):
        MomentumEncoder([zoo.trunk()], momentum)
