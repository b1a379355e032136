"""Read in blocks, the negatives weigh what they weigh at once."""

import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.losses import memory_log_odds as module
from keras_contrastive.losses.cosine import MASKED
from keras_contrastive.losses.memory_log_odds import memory_log_odds


def dense(query, key, negatives, temperature, valid=None):
    """The definition, all logits at once, differentiated by TensorFlow."""
    query, key = (tf.math.l2_normalize(x, 1) for x in (query, key))
    positive = tf.reduce_sum(query * key, axis=1) / temperature
    logits = tf.matmul(query, negatives, transpose_b=True) / temperature
    if valid is not None:
        logits = tf.where(valid, logits, MASKED)
    return tf.reduce_logsumexp(logits, axis=1) - positive, logits


def rows(count, seed, dim=6):
    x = np.random.default_rng(seed).normal(size=(count, dim)).astype("float32")
    return tf.constant(x)


def given(count, batch=5):
    return rows(batch, 0), rows(batch, 1), tf.math.l2_normalize(rows(count, 2), 1)


def with_gradients(function, inputs, *rest):
    weights = tf.range(1.0, len(inputs[0]) + 1)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value, _ = function(*inputs, *rest)
        total = tf.reduce_sum(weights * tf.nn.softplus(value))
    return value, tape.gradient(total, inputs)


@pytest.mark.parametrize("block", [1, 4, 9, 20])
@pytest.mark.parametrize("temperature", [0.05, 0.5])
@pytest.mark.parametrize("masked", [False, True])
def test_value_and_gradients_are_the_definition_s(
    monkeypatch, block, temperature, masked
):
    monkeypatch.setattr(module, "BLOCK", block)
    inputs = given(9)
    # The first blocks are empty, as no queue has them but a caller may.
    valid = tf.range(9) % 3 == 2 if masked else None
    ours, gradients = with_gradients(memory_log_odds, inputs, temperature, valid)
    expected, exact = with_gradients(dense, inputs, temperature, valid)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)
    for found, wanted in zip(gradients, exact, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("block", [4, 9])
def test_without_a_negative_nothing_is_learnt(monkeypatch, block):
    monkeypatch.setattr(module, "BLOCK", block)
    nobody = tf.zeros(9, tf.bool)
    value, gradients = with_gradients(memory_log_odds, given(9), 0.1, nobody)
    np.testing.assert_array_equal(tf.nn.softplus(value), 0)
    for gradient in gradients:
        np.testing.assert_array_equal(gradient, 0)


def test_the_closest_key_is_told(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 4)
    query, key, negatives = given(9, batch=40)
    _, right = memory_log_odds(query, key, negatives, 0.1)
    logits = dense(query, key, negatives, 1.0)[1]
    expected = np.sum(tf.math.l2_normalize(query, 1) * tf.math.l2_normalize(key, 1), 1)
    np.testing.assert_array_equal(right, expected > np.max(logits, 1))
    assert 0 < np.mean(right) < 1
    # One point for all is nobody's success, nor is a number that is none.
    same = tf.ones([3, 6])
    one = tf.math.l2_normalize(same, 1)
    assert not np.any(memory_log_odds(same, same, one, 0.1)[1])
    assert not np.any(memory_log_odds(same * np.nan, same, one, 0.1)[1])


def test_xla_compiles_it(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 4)
    inputs = given(9)
    compiled = tf.function(
        lambda *x: with_gradients(memory_log_odds, x, 0.2), jit_compile=True
    )
    found = tf.nest.flatten(compiled(*inputs))
    wanted = tf.nest.flatten(with_gradients(dense, inputs, 0.2))
    for ours, exact in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, exact, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_sizes_may_be_unknown(monkeypatch, jit_compile):
    monkeypatch.setattr(module, "BLOCK", 4)
    rows_ = tf.TensorSpec([None, 6])
    value = tf.function(
        lambda *x: memory_log_odds(*x, 0.2)[0],
        input_signature=[rows_] * 3,
        jit_compile=jit_compile,
    )
    expected, _ = dense(*given(9), 0.2)
    np.testing.assert_allclose(value(*given(9)), expected, rtol=1e-5, atol=1e-5)


def operations(function, *inputs):
    """All operations of a function's graph and of those that it calls."""
    graph = function.get_concrete_function(*inputs).graph
    inner = graph.as_graph_def().library.function
    graphs = [graph, *(graph._get_function(f.signature.name).graph for f in inner)]
    return [operation for each in graphs for operation in each.get_operations()]


def test_it_never_holds_all_logits(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 8)
    query, key, negatives = given(640, batch=7)

    @tf.function
    def step(query, key, negatives):
        return with_gradients(memory_log_odds, (query, key, negatives), 0.1)

    sizes = [
        tensor.shape.num_elements()
        for operation in operations(step, query, key, negatives)
        for tensor in operation.outputs
        if tensor.shape.is_fully_defined()
    ]
    assert max(sizes) == 640 * 6
