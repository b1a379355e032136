"""What does not fit into float16 is forgotten with its step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.contracts import zoo


def half(name, scale=2.0**8):
    keras.config.set_dtype_policy("mixed_float16")
    keras.utils.set_random_seed(1)
    model = zoo.MODELS[name]()
    model.compile(
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), scale)
    )
    return model


def statistics(model):
    return [v for v in model.variables if "moving_" in v.path]


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("name", ["SimCLR", "MoCo"])
def test_statistics_outlive_an_overflow(name, replicas, two_devices):
    """Those of the key encoder, and of grouped batches, as well."""
    one = tf.distribute.get_strategy()
    with (two_devices if replicas == 2 else one).scope():
        model = half(name)
    data = zoo.dataset(name).take(1)
    # Finite in float32, and not in float16.
    large = data.map(lambda x: {"views": tuple(1e6 * v for v in x["views"])})
    model.fit(large, verbose=0)
    assert model.optimizer.iterations.numpy() == 0
    for variable in statistics(model):
        assert np.isfinite(variable).all(), variable.path
    before = [v.numpy() for v in statistics(model)]
    model.fit(data, verbose=0)
    for variable, value in zip(statistics(model), before, strict=True):
        assert np.isfinite(variable).all(), variable.path
        assert (variable.numpy() != value).any(), variable.path


def test_one_replica_that_overflows_makes_all_skip(two_devices):
    with two_devices.scope():
        model = half("SimCLR")
    variables = model.trainable_variables
    before = [v.numpy() for v in variables]

    def step(value):
        model.apply([tf.fill(v.shape, value) for v in variables])

    def values(bad):
        return two_devices.experimental_distribute_values_from_function(
            lambda c: tf.constant(bad if c.replica_id_in_sync_group == 1 else 1.0)
        )

    run = tf.function(lambda x: two_devices.run(step, args=(x,)))
    for bad in (np.inf, np.nan):
        run(values(bad))
        for variable, value in zip(variables, before, strict=True):
            for copy in two_devices.experimental_local_results(variable.value):
                np.testing.assert_array_equal(copy, value)
    assert model.optimizer.iterations.numpy() == 0
    assert model.optimizer.dynamic_scale.numpy() == 2.0**6
    # Both were counted as steps, and the next one is taken.
    assert model.step.numpy() == 2
    run(values(1.0))
    assert model.optimizer.iterations.numpy() == 1
    for variable, value in zip(variables, before, strict=True):
        assert (variable.numpy() != value).all(), variable.path


def test_a_loss_that_one_replica_cannot_hold_keeps_the_bank(two_devices):
    """Without batch norm, through which each replica would hear of it."""
    with two_devices.scope():
        trunk = keras.Sequential(
            [
                keras.Input((zoo.SIZE, zoo.SIZE, 3)),
                keras.layers.Conv2D(8, 3, activation="relu"),
                keras.layers.GlobalAveragePooling2D(),
            ]
        )
        model = kc.models.PIRL(
            trunk, 64, transform="rotation", negatives=8, projection_dim=8, seed=1
        )
        model.compile("sgd")
    kernel = trunk.trainable_variables[0]
    kernel.assign(1e10 * tf.abs(kernel))
    before = model.bank.vectors.numpy()
    large = np.ones((8, zoo.SIZE, zoo.SIZE, 3), "float32")
    # The second replica's half: finite, but its features are not.
    large[4:] *= 1e35
    batch = {"views": (large, large), "id": np.arange(8)}
    model.fit(tf.data.Dataset.from_tensors(batch), verbose=0)
    assert not model.bank.written.numpy().any()
    np.testing.assert_array_equal(model.bank.vectors, before)
