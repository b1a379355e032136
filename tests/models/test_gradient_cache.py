"""A step in chunks is the step on the whole batch, in the memory of a chunk."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc

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
