"""The cache without a model: statistics, draws, gradients, and memory."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.encoders import BatchNormalization
from keras_contrastive.models.gradient_cache import GradientCache


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
