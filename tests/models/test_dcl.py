import keras
import numpy as np
import tensorflow as tf

import keras_contrastive as kc
from tests.contracts import zoo
from tests.reference.decoupled import decoupled_nt_xent as slow


def on_views(**options):
    keras.utils.set_random_seed(1)
    options = {"projection_dim": 8, "temperature": 0.5, "seed": 3, **options}
    return kc.models.DCL(zoo.trunk(), **options)


def views(count=16):
    policy = kc.augment.simclr(zoo.SIZE)
    return tuple(policy(zoo.images(count), seed=[1, v]) for v in range(2))


def test_a_step_is_the_paper_s():
    """One SGD step by hand: the positive is in no denominator."""
    model, other = on_views(), on_views()
    model.compile(keras.optimizers.SGD(0.1))
    a, b = views()
    with tf.GradientTape() as tape:
        features = other.encoder(tf.concat([a, b], 0), training=True)
        z = tf.math.l2_normalize(other.projection(features, training=True), axis=1)
        logits = tf.matmul(z, z, transpose_b=True) / 0.5
        negatives = 1 - tf.tile(tf.eye(16), [2, 2])
        total = tf.reduce_sum(tf.exp(logits) * negatives, 1)
        positive = tf.gather(logits, (tf.range(32) + 16) % 32, batch_dims=1)
        loss = tf.reduce_mean(tf.math.log(total) - positive)
    gradients = tape.gradient(loss, other.trainable_variables)
    expected = slow(z[:16].numpy(), z[16:].numpy(), 0.5).mean()
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    logs = model.train_on_batch({"views": (a, b)}, return_dict=True)
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-6)
    for variable, old, gradient in zip(
        model.trainable_variables, other.trainable_variables, gradients, strict=True
    ):
        np.testing.assert_allclose(variable, old - 0.1 * gradient, atol=1e-6)


def test_blocks_change_nothing():
    data = tf.data.Dataset.from_tensors({"views": views()})
    results = []
    for block_size in (None, 5):
        model = on_views(block_size=block_size)
        model.compile(keras.optimizers.SGD(0.1))
        model.fit(data, epochs=2, verbose=0)
        logs = model.evaluate(data, verbose=0, return_dict=True)
        results.append([*model.get_weights(), *logs.values()])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
