import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.distribute import gather


def test_one_replica_gathers_itself():
    x = tf.ones([2, 3])
    assert kc.distribute.all_gather(x) is x


@pytest.fixture(params=["gather", "small", "tpu"])
def way(request, monkeypatch):
    """The ways to everybody's rows: all of them, on this machine's devices."""
    small = 2**20 if request.param == "small" else 0
    monkeypatch.setattr(gather, "_SMALL", small)
    monkeypatch.setattr(gather, "is_tpu", lambda _: request.param == "tpu")


@pytest.mark.usefixtures("way")
def test_rows_come_in_replica_order_with_their_gradient(two_devices):
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    weigh = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    parts = two_devices.experimental_distribute_values_from_function(
        lambda c: tf.constant(x[2 * c.replica_id_in_sync_group :][:2])
    )

    @tf.function
    def step(part):
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        with tf.GradientTape() as tape:
            tape.watch(part)
            everyone = kc.distribute.all_gather(part)
            assert everyone.shape == (4, 3)
            loss = tf.reduce_sum(tf.gather(weigh, replica) * tf.square(everyone))
        return everyone, tape.gradient(loss, part)

    everyone, gradient = two_devices.run(step, args=(parts,))
    for copy in two_devices.experimental_local_results(everyone):
        np.testing.assert_array_equal(copy, x)
    joined = tf.concat(two_devices.experimental_local_results(gradient), 0)
    np.testing.assert_allclose(joined, weigh.sum(0) * 2 * x, rtol=1e-6)


@pytest.mark.usefixtures("way")
def test_what_is_not_finite_stays_in_its_rows(two_devices):
    x = np.ones((4, 3), np.float32)
    x[2:] = np.nan, np.inf, 1
    parts = two_devices.experimental_distribute_values_from_function(
        lambda c: tf.constant(x[2 * c.replica_id_in_sync_group :][:2])
    )
    everyone = two_devices.run(tf.function(kc.distribute.all_gather), args=(parts,))
    for copy in two_devices.experimental_local_results(everyone):
        np.testing.assert_array_equal(copy, x)


@pytest.mark.usefixtures("way")
def test_several_tensors_share_a_way(two_devices):
    pair = tf.ones([2, 3]), tf.zeros([2, 3])
    for alone, given in zip(
        kc.distribute.all_gather_together(*pair), pair, strict=True
    ):
        assert alone is given
    x, y = np.arange(24, dtype=np.float32).reshape(2, 4, 3)

    def step(parts):
        with tf.GradientTape() as tape:
            tape.watch(parts)
            first, second = kc.distribute.all_gather_together(*parts)
            loss = tf.reduce_sum(first * x[:, :1] + tf.square(second))
        return (first, second), tape.gradient(loss, parts)

    parts = two_devices.experimental_distribute_values_from_function(
        lambda c: tuple(
            tf.constant(z[2 * c.replica_id_in_sync_group :][:2]) for z in (x, y)
        )
    )
    function = tf.function(step)
    everyone, gradients = two_devices.run(function, args=(parts,))
    for whole, found in zip((x, y), everyone, strict=True):
        for copy in two_devices.experimental_local_results(found):
            np.testing.assert_array_equal(copy, whole)
    # Both replicas sent what they had.
    for wanted, found in zip((x[:, :1] + 0 * x, 2 * y), gradients, strict=True):
        joined = tf.concat(two_devices.experimental_local_results(found), 0)
        np.testing.assert_allclose(joined, 2 * wanted)


def test_only_floats_of_a_known_number_are_small():
    rows = tf.zeros([4, 8])
    assert gather._is_small(rows, 2)
    assert gather._is_small(tf.zeros([2**17]), 2)
    assert not gather._is_small(tf.zeros([2**17 + 1]), 2)
    assert not gather._is_small(tf.cast(rows, tf.int64), 2)
    seen = []
    unknown = tf.function(lambda x: seen.append(gather._is_small(x, 2)))
    unknown.get_concrete_function(tf.TensorSpec([None, 8]))
    assert seen == [False]


def test_outside_of_replicas_it_says_so(two_devices):
    with two_devices.scope(), pytest.raises(RuntimeError, match="Received: a call in"):
        kc.distribute.all_gather(tf.ones([2, 3]))


def test_strategies_by_name():
    assert kc.distribute.strategy("auto").num_replicas_in_sync == 1
    mirrored = kc.distribute.strategy("mirrored", devices=["CPU:0", "CPU:1"])
    assert mirrored.num_replicas_in_sync == 2
    with pytest.raises(ValueError, match=r"`name`.*mirrored.*Received: 'ddp'"):
        kc.distribute.strategy("ddp")
    with pytest.raises(ValueError, match=r"ParameterServerStrategy.*Received: "):
        kc.distribute.strategy("parameter_server")
    with pytest.raises(ValueError, match=r"devices.*Received: \['gpus'\]"):
        kc.distribute.strategy("mirrored", gpus=2)
