import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.encoders import BatchNormalization, local_statistics


def both(**options):
    options = {"momentum": 0.9, "epsilon": 1e-5, **options}
    return BatchNormalization(**options), keras.layers.BatchNormalization(**options)


@pytest.mark.parametrize("shape", [(6, 4, 5, 3), (16, 3), (4, 7, 3)])
@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}])
def test_it_equals_keras(shape, options):
    x = tf.constant(np.random.default_rng(0).normal(3, 2, shape).astype("float32"))
    weigh = tf.random.stateless_normal(shape, [1, 2])
    results = []
    for layer in both(**options):
        layer.build(shape)
        for variable in layer.trainable_variables:
            variable.assign(0.5 + tf.range(3, dtype=tf.float32))
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = layer(x, training=True)
            loss = tf.reduce_sum(weigh * out)
        gradients = tape.gradient(loss, [x, *layer.trainable_variables])
        statistics = [layer.moving_mean, layer.moving_variance]
        results.append([out, *gradients, *statistics, layer(x, training=False)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_a_frozen_layer_infers():
    layer, _ = both()
    x = np.random.default_rng(0).normal(3, 2, (8, 3)).astype("float32")
    layer(x)
    layer.trainable = False
    before = layer.get_weights()
    np.testing.assert_array_equal(layer(x, training=True), layer(x, training=False))
    assert all(map(np.array_equal, before, layer.get_weights()))


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_keeps_its_statistics_in_float32(dtype):
    layer = BatchNormalization(dtype=dtype)
    x = np.random.default_rng(0).normal(30, 2, (64, 4, 4, 3)).astype("float32")
    out = layer(tf.cast(x, layer.compute_dtype), training=True)
    assert out.dtype == layer.compute_dtype
    assert np.abs(tf.cast(out, tf.float32)).mean() < 1
    np.testing.assert_allclose(layer.moving_mean, 0.1 * x.mean((0, 1, 2)), rtol=1e-2)


def test_replicas_normalise_over_the_global_batch(two_devices):
    x = np.random.default_rng(0).normal(100, 1, (8, 2, 2, 3)).astype("float32")
    x[4:] += 5
    alone = BatchNormalization()
    alone.build(x.shape)
    weigh = tf.random.stateless_normal(x.shape, [1, 2])

    def step(layer, x, weigh):
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = layer(x, training=True)
            loss = tf.reduce_sum(weigh * out)
        return out, tape.gradient(loss, x)

    expected = step(alone, tf.constant(x), weigh)
    with two_devices.scope():
        shared = BatchNormalization()
        shared.build(x.shape)
    parts = two_devices.experimental_distribute_values_from_function(
        lambda c: (
            x[4 * c.replica_id_in_sync_group :][:4],
            weigh[4 * c.replica_id_in_sync_group :][:4],
        )
    )
    out = two_devices.run(
        tf.function(lambda p: step(shared, p[0], p[1])), args=(parts,)
    )
    for ours, theirs in zip(out, expected, strict=True):
        joined = tf.concat(two_devices.experimental_local_results(ours), 0)
        np.testing.assert_allclose(joined, theirs, atol=2e-4)
    for ours, theirs in zip(shared.weights, alone.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_other_axes_are_refused():
    with pytest.raises(ValueError, match=r"axis=-1.*Received: axis=1"):
        BatchNormalization(axis=1)


def test_local_statistics_are_those_of_the_rows_at_hand(two_devices):
    x = np.random.default_rng(0).normal(2, 3, (8, 5)).astype("float32")
    with two_devices.scope():
        layer = BatchNormalization()
        layer.build((None, 5))

    def normalised(rows):
        with local_statistics(), keras.StatelessScope():
            return layer(rows, training=True)

    halves = two_devices.experimental_distribute_values_from_function(
        lambda context: tf.constant(np.split(x, 2)[context.replica_id_in_sync_group])
    )
    both = two_devices.experimental_local_results(
        two_devices.run(tf.function(normalised), args=(halves,))
    )
    for half, ours in zip(np.split(x, 2), both, strict=True):
        expected = (half - half.mean(0)) / np.sqrt(half.var(0) + 1e-5)
        np.testing.assert_allclose(ours, expected, atol=1e-5)
