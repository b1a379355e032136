"""A step in chunks is the step on the whole batch, in the memory of a chunk."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.encoders import BatchNormalization
from keras_contrastive.models.gradient_cache import GradientCache

MODELS = {
    "SimCLR": kc.models.SimCLR,
    "DCL": kc.models.DCL,
    "SupCon": kc.models.SupCon,
}


def trunk():
    """Without batch norm; with both kinds of losses that a layer may add."""
    decay = keras.regularizers.L2(0.02)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(6, 3, 2, "same", kernel_regularizer=decay),
            keras.layers.ReLU(activity_regularizer=keras.regularizers.L2(1e-3)),
            keras.layers.Flatten(),
            keras.layers.Dense(7, activation="tanh"),
        ]
    )


def make(name, chunk_size=None, **compiled):
    keras.utils.set_random_seed(1)
    model = MODELS[name](
        trunk(),
        projection_dim=5,
        temperature=0.3,
        projection_layers=1,
        chunk_size=chunk_size,
        block_size=None if chunk_size is None else 7,
        seed=0,
    )
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    if keras.config.dtype_policy().name == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, 2.0**8)
    model.compile(optimizer, **compiled)
    return model


def batches(count=36, batch_size=12):
    rng = np.random.default_rng(0)
    views = tuple(rng.uniform(size=(count, 8, 8, 3)).astype("f") for _ in range(2))
    batch = {"views": views, "label": rng.integers(0, 4, count)}
    data = tf.data.Dataset.from_tensor_slices(batch)
    return data.batch(batch_size, drop_remainder=True)


def assert_same_weights(model, other, tolerance):
    start = make("SimCLR").trainable_variables
    all_of = [model.trainable_variables, other.trainable_variables, start]
    moved = []
    for ours, theirs, before in zip(*all_of, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)
        moved.append(np.abs(ours - before).max())
    assert min(moved) > 0
    assert max(moved) > 30 * tolerance


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("chunk_size", [1, 4, 12])
def test_the_weights_are_those_of_the_whole_batch(name, chunk_size):
    whole, chunked = make(name), make(name, chunk_size)
    expected = whole.fit(batches(), verbose=0).history
    history = chunked.fit(batches(), verbose=0).history
    assert_same_weights(chunked, whole, 1e-5)
    for key, value in expected.items():
        np.testing.assert_allclose(history[key], value, atol=1e-5, err_msg=key)
    assert chunked.step.numpy() == 3


def test_xla_compiles_it():
    whole, chunked = make("SimCLR"), make("SimCLR", 4, jit_compile=True)
    for model in (whole, chunked):
        model.fit(batches(), verbose=0)
    assert_same_weights(chunked, whole, 1e-5)


def test_it_runs_eagerly():
    whole, chunked = make("SupCon"), make("SupCon", 4, run_eagerly=True)
    for model in (whole, chunked):
        model.fit(batches(), verbose=0)
    assert_same_weights(chunked, whole, 1e-5)


def test_two_replicas_take_the_same_step(two_devices):
    whole = make("SupCon")
    with two_devices.scope():
        chunked = make("SupCon", 3)
    for model in (whole, chunked):
        model.fit(batches(), verbose=0)
    assert_same_weights(chunked, whole, 1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_and_its_loss_scale(policy):
    keras.config.set_dtype_policy(policy)
    whole, chunked = make("SimCLR"), make("SimCLR", 4)
    for model in (whole, chunked):
        model.fit(batches().take(1), verbose=0)
        assert model.optimizer.iterations.numpy() == 1
    # A sum of three roundings is not the rounding of the sum.
    rounding = {"mixed_bfloat16": 4e-3, "mixed_float16": 1e-3}[policy]
    assert_same_weights(chunked, whole, rounding)


def test_an_overflow_skips_the_step():
    keras.config.set_dtype_policy("mixed_float16")
    chunked = make("SimCLR", 4)
    chunked.optimizer.dynamic_scale.assign(2.0**60)
    before = [v.numpy() for v in chunked.trainable_variables]
    chunked.fit(batches().take(1), verbose=0)
    for variable, value in zip(chunked.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert chunked.optimizer.dynamic_scale.numpy() == 2.0**59


def test_a_batch_of_unknown_size_is_taken_if_the_chunks_fill_it():
    data = batches().unbatch().batch(24)
    whole, chunked = make("SimCLR"), make("SimCLR", 4)
    for model in (whole, chunked):
        model.fit(data, verbose=0)
    assert_same_weights(chunked, whole, 1e-5)
    before = [v.numpy() for v in chunked.variables]
    with pytest.raises(ValueError, match=r"`chunk_size`.*Received: 4.* 10"):
        chunked.fit(batches(10, 10).unbatch().batch(10), verbose=0)
    for variable, value in zip(chunked.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_chunks_that_do_not_fill_the_batch_are_refused(two_devices):
    model = make("SimCLR", 5)
    with pytest.raises(ValueError, match=r"`chunk_size`.*Received: 5.* 12"):
        model.fit(batches(), verbose=0)
    with two_devices.scope():
        model = make("SimCLR", 4)
    with pytest.raises(ValueError, match=r"`chunk_size`.*Received: 4.* 6"):
        model.fit(batches(), verbose=0)
    for bad in (0, 2.0):
        with pytest.raises(ValueError, match=r"`chunk_size`.*Received: "):
            make("SimCLR", bad)


def test_evaluation_takes_any_batch():
    whole, chunked = make("SupCon"), make("SupCon", 5)
    for data in (batches(), batches().unbatch().batch(14)):
        expected = whole.evaluate(data, verbose=0, return_dict=True)
        found = chunked.evaluate(data, verbose=0, return_dict=True)
        for key, value in expected.items():
            np.testing.assert_allclose(found[key], value, atol=1e-5, err_msg=key)


def test_statistics_move_once_a_step_by_the_mean_over_the_chunks():
    x = np.random.default_rng(0).normal(2, 3, (12, 4)).astype("f")
    views = [tf.constant(x[:6]), tf.constant(x[6:])]
    for make_norm in (BatchNormalization, keras.layers.BatchNormalization):
        norm = make_norm(momentum=0.9)
        net = keras.Sequential([keras.Input((4,)), norm, keras.layers.Dense(2)])
        cache = GradientCache([net], 3)
        chunks = x.reshape(4, 3, 4)
        mean = 0.1 * chunks.mean(1).mean(0)
        variance = 0.9 + 0.1 * chunks.var(1).mean(0)
        z = cache.embed(views)
        assert not np.any(norm.moving_mean)
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss = tf.reduce_sum(z[0] * z[1])
        cache.gradients(tape, loss, z, views, net.trainable_variables)
        np.testing.assert_allclose(norm.moving_mean, mean, atol=1e-5)
        np.testing.assert_allclose(norm.moving_variance, variance, atol=1e-5)
        # Each chunk was normalised by itself.
        expected = [net(chunk, training=True) for chunk in chunks]
        np.testing.assert_allclose(tf.concat(z, 0), tf.concat(expected, 0), atol=1e-5)


def test_layers_without_a_second_pass_may_move_in_the_first():
    norm = BatchNormalization()
    net = keras.Sequential([keras.Input((4,)), norm])
    views = [tf.random.normal([6, 4], 2.0)]
    cache = GradientCache([net], 3)
    cache.embed(views, training=False, move=True)
    assert not np.any(norm.moving_mean)
    cache.embed(views, move=True)
    np.testing.assert_allclose(
        norm.moving_mean, 0.1 * tf.reduce_mean(views[0], 0), atol=1e-6
    )


def test_both_passes_draw_the_same_numbers_and_each_chunk_its_own():
    dropout = keras.layers.Dropout(0.5, seed=1)
    dense = keras.layers.Dense(6, use_bias=False, kernel_initializer="orthogonal")
    net = keras.Sequential([keras.Input((6,)), dropout, dense])
    views = [tf.ones([6, 6])]
    cache = GradientCache([net], 2)
    state = dropout.seed_generator.state
    start = state.numpy()
    (z,) = cache.embed(views)
    np.testing.assert_array_equal(state, start)
    upstream = tf.random.normal(z.shape)
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = tf.reduce_sum(z * upstream)
    (gradient,) = cache.gradients(tape, loss, [z], views, [dense.kernel])
    # What the kernel was given in the first pass, as it is orthogonal.
    dropped = tf.matmul(z, dense.kernel, transpose_b=True)
    assert len(np.unique(np.round(dropped.numpy().reshape(3, -1)), axis=0)) == 3
    expected = tf.matmul(dropped, upstream, transpose_a=True)
    np.testing.assert_allclose(gradient, expected, atol=1e-5)
    assert (state.numpy() != start).any()
    assert np.abs(cache.embed(views)[0] - z).max() > 0.1


def test_a_variable_that_takes_no_part_has_no_gradient():
    used, unused = keras.layers.Dense(2), keras.layers.Dense(2)
    for layer in (used, unused):
        layer.build((None, 3))
    net = keras.Sequential([keras.Input((3,)), used])
    cache, views = GradientCache([net], 2), [tf.ones([4, 3])]
    z = cache.embed(views)
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = tf.reduce_sum(z[0])
    variables = [unused.kernel, used.kernel, unused.bias]
    found = cache.gradients(tape, loss, z, views, variables)
    assert [gradient is None for gradient in found] == [True, False, True]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(z[0])
    with pytest.raises(ValueError, match=r"`tape` must watch.*Received: "):
        cache.gradients(tape, loss, z, views, variables)


PEAK = """
import keras, numpy as np, keras_contrastive as kc

def peak():
    # Not ru_maxrss, which a process inherits from the one that started it.
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024

def step(batch, chunk_size):
    trunk = keras.Sequential([
        keras.Input((8, 8, 3)),
        keras.layers.Conv2D(64, 3, padding="same", activation="relu"),
        keras.layers.Conv2D(64, 3, padding="same", activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
    ])
    model = kc.models.SimCLR(
        trunk, None, 16, projection_layers=1, chunk_size=chunk_size, block_size=64
    )
    model.compile("sgd")
    view = np.random.default_rng(0).uniform(size=(batch, 8, 8, 3)).astype("f")
    model.train_on_batch({"views": (view, view[::-1])})
    return peak()

print(step(256, 64), step(4096, 64), step(4096, None))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc here")
def test_the_peak_of_memory_is_flat_in_the_batch():
    """One fresh process, whose high-water mark each step can only raise."""
    run = subprocess.run(
        [sys.executable, "-c", PEAK], capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    small, large, whole = map(float, run.stdout.split())
    # MiB. The images themselves are 24; their activations, kept, 512 at least.
    assert whole - large > 400, run.stdout
    assert large - small < 150, run.stdout
