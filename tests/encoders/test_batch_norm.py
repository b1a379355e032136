import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.encoders import (
    BatchNormalization,
    check_splittable,
    fused_norm,
    local_statistics,
    split_statistics,
)


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


@pytest.mark.parametrize("few", [8, 1])
def test_replicas_normalise_over_the_global_batch(two_devices, monkeypatch, few):
    # Up to a few replicas merge their statistics in another way than many.
    monkeypatch.setattr(fused_norm, "_FEW", few)
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


def test_split_groups_are_normalised_each_by_itself():
    x = np.random.default_rng(0).normal(3, 2, (12, 4, 4, 3)).astype("float32")
    layer, _ = both()
    with split_statistics(3):
        ours = layer(x, training=True)
    means, variances = [], []
    for part, out in zip(np.split(x, 3), np.split(ours.numpy(), 3), strict=True):
        mean, variance = part.mean((0, 1, 2)), part.var((0, 1, 2))
        expected = (part - mean) / np.sqrt(variance + 1e-5)
        np.testing.assert_allclose(out, expected, atol=2e-5)
        means.append(mean)
        variances.append(variance)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * np.mean(means, 0), rtol=1e-4)
    np.testing.assert_allclose(
        layer.moving_variance, 0.9 + 0.1 * np.mean(variances, 0), rtol=1e-4
    )
    # Outside, and after an error inside, the batch is whole again.
    with pytest.raises(RuntimeError, match="stop"), split_statistics(3):
        raise RuntimeError("stop")
    whole = layer(x, training=True).numpy()
    assert abs(whole.mean()) < 1e-5
    assert abs(whole[:4].mean()) > 1e-4


def test_groups_belong_to_the_global_batch(two_devices):
    x = np.random.default_rng(0).normal(3, 2, (8, 2, 2, 3)).astype("float32")
    alone = BatchNormalization()
    with split_statistics(4):
        expected = alone(x, training=True)
    with two_devices.scope():
        shared = BatchNormalization()
        shared.build(x.shape)
    parts = two_devices.experimental_distribute_values_from_function(
        lambda c: x[4 * c.replica_id_in_sync_group :][:4]
    )

    @tf.function
    def step(part):
        with split_statistics(4):
            return shared(part, training=True)

    out = two_devices.run(step, args=(parts,))
    joined = tf.concat(two_devices.experimental_local_results(out), 0)
    np.testing.assert_allclose(joined, expected, atol=1e-5)
    for ours, theirs in zip(shared.weights, alone.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)

    @tf.function
    def uneven(part):
        with split_statistics(3):
            return shared(part, training=True)

    with pytest.raises(ValueError, match=r"multiple of the 2 replicas.*Received: 3"):
        two_devices.run(uneven, args=(parts,))


def test_what_cannot_be_split_is_refused():
    ours, theirs = both()
    net = keras.Sequential([keras.Input((4, 4, 3)), ours, theirs])
    with pytest.raises(ValueError, match=r"Keras's own.*Received: 2"):
        check_splittable(net, 2)
    assert check_splittable(net, 1) == 1
    assert check_splittable(keras.Sequential([ours]), 2) == 2
    with pytest.raises(ValueError, match=r"at least 1.*Received: 0"):
        check_splittable(net, 0)
    with pytest.raises(ValueError, match=r"at least 1.*Received: 0"):  # noqa: SIM117
        with split_statistics(0):
            pass


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
