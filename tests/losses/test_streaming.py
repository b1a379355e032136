"""In blocks the losses and both their gradients are what they are at once."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_contrastive as kc
from keras_contrastive.losses.nt_xent import negative_log_odds
from keras_contrastive.losses.streaming import log_sum_exp
from tests.reference.nt_xent import nt_xent as slow_nt_xent

LOSSES = {
    "nt_xent": kc.losses.nt_xent,
    "decoupled": kc.losses.decoupled_nt_xent,
    # The first views alone as anchors, which stand together among the candidates.
    "sup_con": lambda z1, z2, temperature, candidates, offset, block_size: (
        kc.losses.sup_con(
            z1,
            (offset + tf.range(len(z1))) % 3,
            temperature,
            (
                tf.concat(candidates, 0),
                tf.tile(tf.range(len(candidates[0])) % 3, [2]),
            ),
            offset,
            block_size,
        )
    ),
}


def embeddings(count, dim=5, seed=0, dtype="float32"):
    rng = np.random.default_rng(seed)
    return [tf.constant(rng.normal(size=(count, dim)), dtype) for _ in range(2)]


def value_and_gradients(loss, ours, everyone, offset, temperature, block_size):
    weights = tf.constant(np.random.default_rng(9).uniform(size=100), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([ours, everyone])
        values = loss(ours[0], ours[1], temperature, everyone, offset, block_size)
        # Weighted, so that each row's own gradient shows.
        total = tf.reduce_sum(values * weights[: len(values)])
    gradients = tape.gradient(total, [ours, everyone], unconnected_gradients="zero")
    return values, tf.nest.flatten(gradients)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(sorted(LOSSES)),
    count=st.integers(2, 12),
    share=st.integers(1, 12),
    offset=st.integers(0, 11),
    dim=st.integers(1, 6),
    temperature=st.floats(0.1, 3),
    block_size=st.integers(1, 30),
    dtype=st.sampled_from(["float32", "bfloat16", "float16"]),
)
def test_loss_and_both_gradients_equal_the_dense_ones(
    name, count, share, offset, dim, temperature, block_size, dtype
):
    everyone = embeddings(count, dim, dtype=dtype)
    offset = min(offset, count - 1)
    # Apart from the candidates, so that their gradients are seen apart.
    ours = [tf.identity(z[offset : offset + share]) for z in everyone]
    arguments = LOSSES[name], ours, everyone, offset, temperature
    dense, expected = value_and_gradients(*arguments, None)
    streamed, found = value_and_gradients(*arguments, block_size)
    np.testing.assert_allclose(streamed, dense, atol=1e-5)
    for a, b in zip(found, expected, strict=True):
        # Rounded to the inputs' type at the end, both of them.
        tolerance = {"float32": 1e-5, "bfloat16": 2e-2, "float16": 2e-3}[dtype]
        a, b = a.numpy().astype("float32"), b.numpy().astype("float32")
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("block_size", [1, 5, 14, 20])
@pytest.mark.parametrize("temperature", [0.01, 0.5])
def test_nt_xent_in_blocks_equals_the_slow_loop(temperature, block_size):
    z1, z2 = (z.numpy() for z in embeddings(7))
    expected = slow_nt_xent(z1, z2, temperature)
    ours = kc.losses.nt_xent(z1, z2, temperature, block_size=block_size)
    np.testing.assert_allclose(ours, expected, rtol=2e-6, atol=2e-6)
    loss = kc.losses.NTXent(temperature, block_size)(z1, z2)
    np.testing.assert_allclose(loss, expected.mean(), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("block_size", [4, 5, 40])
def test_xla_compiles_it(known, block_size):
    z = embeddings(8)
    spec = tf.TensorSpec([8 if known else None, 5], tf.float32)

    @tf.function(jit_compile=True, input_signature=[spec, spec])
    def compiled(z1, z2):
        with tf.GradientTape() as tape:
            tape.watch([z1, z2])
            loss = kc.losses.nt_xent(z1, z2, 0.2, block_size=block_size)
        return loss, tape.gradient(loss, [z1, z2])

    loss, gradients = compiled(*z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        expected = kc.losses.nt_xent(*z, 0.2)
    np.testing.assert_allclose(loss, expected, atol=1e-5)
    for ours, theirs in zip(gradients, tape.gradient(expected, z), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("spread", [0.0, 1e-4, 300.0])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_it_is_finite_where_it_is_hard(spread, dtype):
    rng = np.random.default_rng(0)
    base = rng.normal(size=(1, 16))
    z = [
        tf.Variable(base + spread * rng.normal(size=(8, 16)), dtype=dtype)
        for _ in range(2)
    ]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(kc.losses.nt_xent(*z, 0.01, block_size=3))
    assert np.isfinite(loss)
    for gradient in tape.gradient(loss, z):
        assert np.isfinite(gradient.numpy().astype("float32")).all()


def test_a_block_that_is_left_out_whole_changes_nothing():
    anchors = tf.constant([[90.0], [-90.0]])
    candidates = tf.constant([[1.0], [1.0], [0.5], [-0.5]])
    ids = tf.constant([1, 1]), tf.constant([1, 1, 0, 0])
    for block_size in (None, 1, 2):
        with tf.GradientTape() as tape:
            tape.watch(candidates)
            value, highest = log_sum_exp(
                anchors, candidates, tf.zeros(2), *ids, block_size
            )
        np.testing.assert_allclose(value, [45, 45], atol=1e-5)
        np.testing.assert_allclose(highest, [45, 45], atol=1e-5)
        gradient = tape.gradient(value, candidates)
        np.testing.assert_allclose(gradient[:, 0], [0, 0, 90, -90], atol=1e-4)


def test_the_closest_is_found_in_blocks():
    z1, z2 = embeddings(12, 3)
    _, expected = negative_log_odds(z1, z1 + z2)
    assert 0 < expected.numpy().mean() < 1
    for block_size in (1, 5, 24):
        _, closest = negative_log_odds(z1, z1 + z2, block_size=block_size)
        np.testing.assert_array_equal(closest, expected)


def test_it_never_holds_all_logits():
    """Of a step's operations none has an output as large as the logits."""
    z = embeddings(64)

    def largest(block_size):
        @tf.function
        def step(z1, z2):
            with tf.GradientTape() as tape:
                tape.watch([z1, z2])
                loss = kc.losses.nt_xent(z1, z2, block_size=block_size)
            return tape.gradient(loss, [z1, z2])

        graph = step.get_concrete_function(*z).graph
        inner = graph.as_graph_def().library.function
        graphs = [graph, *(graph._get_function(f.signature.name) for f in inner)]
        sizes = [
            tensor.shape.num_elements()
            for each in graphs
            for operation in getattr(each, "graph", each).get_operations()
            for tensor in operation.outputs
            if tensor.shape.is_fully_defined()
        ]
        return max(sizes)

    assert largest(None) == 128 * 128
    assert largest(8) == 128 * 8


@pytest.mark.parametrize("block_size", [0, -1, 2.5, "all"])
def test_bad_block_sizes_are_named(block_size):
    z1, z2 = embeddings(4)
    with pytest.raises(ValueError, match=r"`block_size`.*Received: "):
        kc.losses.nt_xent(z1, z2, block_size=block_size)
    with pytest.raises(ValueError, match=r"`block_size`.*Received: "):
        kc.losses.NTXent(block_size=block_size)
