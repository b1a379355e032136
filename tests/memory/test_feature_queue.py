import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.reference.feature_queue import FeatureQueue as SlowQueue


def batch(count, seed, dim=3):
    return np.random.default_rng(seed).normal(size=(count, dim)).astype("float32")


def stored(queue):
    """The rows that were written, oldest first."""
    filled = int(queue.filled)
    start = int(queue._next.numpy()) if filled == queue.size else 0
    return np.roll(queue.keys.numpy(), -start, axis=0)[:filled]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("sizes", [[4, 4, 4], [3, 5, 7, 2, 1, 7], [10], [1] * 12])
def test_it_is_first_in_first_out(sizes, compiled):
    queue, slow = kc.memory.FeatureQueue(10, 3), SlowQueue(10)
    enqueue = tf.function(queue.enqueue, jit_compile=True) if compiled else None
    for seed, count in enumerate(sizes):
        keys = batch(count, seed)
        (enqueue or queue.enqueue)(tf.constant(keys))
        slow.enqueue(keys)
        np.testing.assert_allclose(stored(queue), slow.rows, atol=1e-6)
        assert int(queue.filled) == len(slow.rows)
    np.testing.assert_allclose(np.linalg.norm(slow.rows, axis=1), 1)


def test_unfilled_slots_are_no_negatives():
    queue = kc.memory.FeatureQueue(100, 3)
    queue.enqueue(batch(4, 0))
    query, key = batch(5, 1), batch(5, 2)
    ours = kc.losses.info_nce(query, key, queue.keys, 0.2, valid=queue.valid)
    four = kc.losses.info_nce(query, key, batch(4, 0), 0.2)
    np.testing.assert_allclose(ours, four, atol=1e-6)
    with_zeros = kc.losses.info_nce(query, key, queue.keys, 0.2)
    assert (with_zeros > four + 0.1).numpy().all()


def test_filled_with_the_batch_s_keys_it_gives_their_loss():
    query, key = batch(6, 1), batch(6, 2)
    queue = kc.memory.FeatureQueue(6, 3)
    queue.enqueue(key)
    # The positive is in the queue too: counted twice in the denominator, as here.
    ours = kc.losses.info_nce(query, key, queue.keys, 0.2, valid=queue.valid)
    np.testing.assert_allclose(
        ours, kc.losses.info_nce(query, key, key, 0.2), atol=1e-6
    )


def test_the_nearest_is_the_most_similar():
    queue = kc.memory.FeatureQueue(8, 3)
    features = tf.Variable(batch(4, 0))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(queue.nearest(features))
    assert tape.gradient(loss, features) is None
    units = features.numpy() / np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(queue.nearest(features), units, atol=1e-6)
    keys = batch(5, 1)
    queue.enqueue(keys)
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    expected = keys[(units @ keys.T).argmax(1)]
    np.testing.assert_allclose(queue.nearest(features), expected, atol=1e-6)
    # Away from all keys: an unwritten slot, whose cosine is 0, must not win.
    single = kc.memory.FeatureQueue(8, 3)
    single.enqueue(keys[:1])
    np.testing.assert_allclose(single.nearest(-keys[:1]), keys[:1], atol=1e-6)


def test_replicas_hold_the_same_rows_in_replica_order(two_devices):
    with two_devices.scope():
        queue = kc.memory.FeatureQueue(10, 3)
    alone = kc.memory.FeatureQueue(10, 3)

    @tf.function
    def step(keys):
        queue.enqueue(kc.distribute.all_gather(keys))

    for seed in range(3):
        keys = batch(8, seed)
        halves = two_devices.experimental_distribute_values_from_function(
            lambda c, keys=keys: tf.constant(keys[4 * c.replica_id_in_sync_group :][:4])
        )
        two_devices.run(step, args=(halves,))
        alone.enqueue(keys)
    for shared, single in zip(queue.variables, alone.variables, strict=True):
        for copy in two_devices.experimental_local_results(shared.value):
            np.testing.assert_array_equal(copy, single)


def test_it_is_in_the_checkpoint(tmp_path):
    inputs = keras.Input([3])

    class Holder(keras.Model):
        def __init__(self):
            super().__init__()
            self.queue = kc.memory.FeatureQueue(10, 3)
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    holder = Holder()
    holder(inputs)
    holder.queue.enqueue(batch(7, 0))
    holder.save_weights(tmp_path / "held.weights.h5")
    other = Holder()
    other(inputs)
    other.load_weights(tmp_path / "held.weights.h5")
    for ours, theirs in zip(holder.queue.weights, other.queue.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    copy = kc.memory.FeatureQueue.from_config(holder.queue.get_config())
    assert (copy.size, copy.dim) == (10, 3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_keys_are_stored_in_float32(dtype):
    keras.config.set_dtype_policy(f"mixed_{dtype}")
    queue = kc.memory.FeatureQueue(4, 3)
    queue.enqueue(tf.cast(300 * batch(4, 0), dtype))
    assert queue.keys.dtype == tf.float32
    np.testing.assert_allclose(np.linalg.norm(queue.keys, axis=1), 1, atol=1e-6)


def test_bad_input():
    for arguments in ((0, 3), (3, 0), (2.5, 3), (True, 3)):
        with pytest.raises(ValueError, match=r"positive integer.*Received: "):
            kc.memory.FeatureQueue(*arguments)
    queue = kc.memory.FeatureQueue(4, 3)
    with pytest.raises(ValueError, match=r"`keys`.*\(batch, 3\).*Received: \(4, 2\)"):
        queue.enqueue(batch(4, 0, dim=2))
    with pytest.raises(ValueError, match=r"at most 4 rows.*Received: 5 rows"):
        queue.enqueue(batch(5, 0))

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def enqueue(keys):
        queue.enqueue(keys)

    with pytest.raises(tf.errors.InvalidArgumentError, match=r"at most 4 rows"):
        enqueue(batch(5, 0))
    assert int(queue.filled) == 0
    assert not queue.keys.numpy().any()


def test_writing_touches_the_rows_of_the_batch_alone():
    """By the graph: what reads or writes the keys, and how large any result is."""
    queue = kc.memory.FeatureQueue(1009, 3)
    spec = tf.TensorSpec([8, 3], tf.float32)
    graph = tf.function(queue.enqueue, input_signature=[spec]).get_concrete_function()
    graph = graph.graph
    captured = {id(outer): inner for outer, inner in graph.captures}
    keys = captured[id(queue._keys.handle)]
    uses = sorted(op.type for op in keys.consumers())
    assert uses == ["ResourceGather", "ResourceScatterUpdate"]
    sizes = [
        tensor.shape.num_elements()
        for operation in graph.get_operations()
        for tensor in operation.outputs
        if tensor.shape.is_fully_defined()
    ]
    assert max(sizes) == 8 * 3


def test_a_row_that_is_not_finite_leaves_its_slot():
    queue = kc.memory.FeatureQueue(4, 3)
    queue.enqueue(batch(4, 0))
    keys = batch(4, 1)
    keys[2, 1] = np.inf
    before = queue.keys.numpy()
    queue.enqueue(keys)
    np.testing.assert_array_equal(queue.keys[2], before[2])
    assert np.isfinite(queue.keys).all()
    assert not np.array_equal(queue.keys[1], before[1])
