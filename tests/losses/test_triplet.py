import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_contrastive as kc
from keras_contrastive.losses.distance import compare
from keras_contrastive.losses.triplet import mined
from tests.reference.triplet import triplet as slow_triplet

KINDS = ["l2", "cosine"]
MININGS = ["semi_hard", "hard", "all"]
LABELS = np.array([0, 0, 1, 2, 2, 2, 3, 1, 0, 4, 4, 2])


def embeddings(count=12, dim=5, seed=0, scale=0.4):
    return scale * np.random.default_rng(seed).normal(size=(count, dim)).astype("f")


@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("margin", [0.05, 0.2, 1.5])
def test_it_equals_the_slow_loop(mining, kind, margin):
    z = embeddings()
    ours = kc.losses.triplet(z, LABELS, margin, kind, mining)
    assert ours.dtype == tf.float32
    expected = slow_triplet(z, LABELS, margin, kind, mining)
    # Label 3 is there once: an anchor without a positive.
    assert (expected == 0).tolist().count(True) >= 1
    assert expected.max() > 0
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-6)
    loss = kc.losses.Triplet(margin, kind, mining)(LABELS, z)
    np.testing.assert_allclose(loss, expected.mean(), rtol=2e-6)


@given(
    count=st.integers(2, 10),
    dim=st.integers(1, 6),
    margin=st.floats(0.01, 10),
    kind=st.sampled_from(KINDS),
    mining=st.sampled_from(MININGS),
    dtype=st.sampled_from(["float16", "bfloat16", "float32"]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=25, derandomize=True)
def test_any_batch_equals_the_slow_loop(count, dim, margin, kind, mining, dtype, seed):
    if kind == "cosine" and dim == 1:
        dim = 2  # On a line all angles are 0 or pi, and rounding decides the ties.
    z = tf.cast(embeddings(count, dim, seed), dtype)
    labels = np.random.default_rng(seed).integers(0, 3, count)
    ours = kc.losses.triplet(z, labels, margin, kind, mining)
    exact = tf.cast(z, tf.float32).numpy()
    expected = slow_triplet(exact, labels, margin, kind, mining)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


def test_semi_hard_takes_the_nearest_negative_that_is_farther():
    # On a line from the anchor: a positive at 1; negatives at .9, 1.1 and 3.
    z = tf.Variable([[0.0], [1.0], [0.9], [1.1], [3.0]])
    labels = [0, 0, 1, 2, 3]
    with tf.GradientTape() as tape:
        loss = kc.losses.triplet(z, labels, 0.5)[0]
    np.testing.assert_allclose(loss, 1 - 1.1**2 + 0.5, rtol=1e-5)
    gradient = tape.gradient(loss, z).numpy()[:, 0]
    np.testing.assert_allclose(gradient, [0.2, 2, 0, -2.2, 0], atol=1e-5)
    # None is farther: the least hard of them.
    loss = kc.losses.triplet(z[:4] * [[1], [5], [1], [1]], labels[:4], 0.5)[0]
    np.testing.assert_allclose(loss, 25 - 1.1**2 + 0.5, rtol=1e-5)


def test_a_negative_as_far_as_the_positive_is_not_farther():
    z = np.array([[0], [1], [-1], [2]], "f")
    loss = kc.losses.triplet(z, [0, 0, 1, 2], 5.0)[0]
    np.testing.assert_allclose(loss, 1 - 4 + 5)


@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize("kind", KINDS)
def test_its_symmetries(mining, kind):
    z = embeddings()
    ours = kc.losses.triplet(z, LABELS, 0.5, kind, mining).numpy()
    order = np.random.default_rng(0).permutation(12)
    shuffled = kc.losses.triplet(z[order], LABELS[order], 0.5, kind, mining)
    np.testing.assert_allclose(shuffled, ours[order], atol=1e-6)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0].astype("f")
    turned = kc.losses.triplet(z @ turn, LABELS, 0.5, kind, mining)
    np.testing.assert_allclose(turned, ours, atol=1e-5)
    renamed = kc.losses.triplet(z, 7 - LABELS, 0.5, kind, mining)
    np.testing.assert_array_equal(renamed, ours)
    longer = kc.losses.triplet(3 * z, LABELS, 0.5, kind, mining)
    assert np.allclose(longer, ours, atol=1e-5) == (kind == "cosine")


def test_hard_is_the_greatest_of_all_and_a_far_class_costs_nothing():
    z = embeddings()
    hard, every = (kc.losses.triplet(z, LABELS, 0.5, "l2", x) for x in ("hard", "all"))
    assert (hard.numpy() >= every.numpy() - 1e-6).all()
    far = z + 100 * LABELS[:, None].astype("f")
    for mining in MININGS:
        assert not kc.losses.triplet(far, LABELS, 0.5, "l2", mining).numpy().any()


@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize("margin", [0.05, 1.5])
def test_of_one_positive_nothing_is_sorted_and_all_is_the_same(mining, margin):
    # Two anchors have none. Of the others some have all negatives nearer.
    labels = tf.constant([0, 0, 1, 2, 2, 1, 3, 4, 4, 3, 5, 6])

    def step(z, known):
        with tf.GradientTape() as tape:
            tape.watch(z)
            pairs = compare(z, labels, "l2")._replace(one_positive=known)
            loss = mined(pairs, margin, mining)
        return loss, tape.gradient(loss, z)

    z = tf.constant(embeddings())
    (loss, gradient), (expected, slope) = step(z, True), step(z, False)
    assert np.count_nonzero(loss) > 3
    np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradient, slope, rtol=1e-4, atol=1e-5)
    graph = tf.function(step).get_concrete_function(z, True).graph
    assert "TopKV2" not in {op.type for op in graph.get_operations()}


@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize("labels", [np.zeros(12, int), np.arange(12)])
def test_one_kind_alone_or_none_alike_costs_nothing(mining, labels):
    z = tf.Variable(embeddings())
    with tf.GradientTape() as tape:
        loss = kc.losses.triplet(z, labels, mining=mining)
    assert not loss.numpy().any()
    assert not np.any(tape.gradient(loss, z))


@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("spread", [0.0, 1e-4, 1.0, 300.0])
def test_it_is_finite_where_it_is_hard(mining, kind, dtype, spread):
    rng = np.random.default_rng(0)
    z = tf.Variable(
        rng.normal(size=(1, 16)) + spread * rng.normal(size=(8, 16)), dtype=dtype
    )
    with tf.GradientTape() as tape:
        loss = kc.losses.triplet(z, np.arange(8) // 2, 0.2, kind, mining)
    gradient = tf.cast(tape.gradient(loss, z), tf.float32)
    assert np.isfinite(loss).all()
    assert np.isfinite(gradient).all()
    if spread == 0:
        np.testing.assert_allclose(loss, np.full(8, 0.2), rtol=1e-6)


@pytest.mark.parametrize(("mining", "kind"), itertools.product(MININGS, KINDS))
def test_shares_of_a_global_batch_give_its_loss_and_gradient(mining, kind):
    z, labels = tf.Variable(embeddings()), tf.constant(LABELS)

    def loss(rows, kinds, **share):
        return kc.losses.triplet(rows, kinds, 0.5, kind, mining, **share)

    with tf.GradientTape() as tape:
        whole = loss(z, labels)
        total = tf.reduce_mean(whole)
    expected = tape.gradient(total, z)
    with tf.GradientTape() as tape:
        parts = [
            loss(z[i : i + 4], labels[i : i + 4], candidates=(z, labels), offset=i)
            for i in (0, 4, 8)
        ]
        total = tf.reduce_mean(tf.concat(parts, 0))
    np.testing.assert_allclose(tf.concat(parts, 0), whole, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(total, z), expected, atol=1e-6)


@pytest.mark.parametrize("mining", MININGS)
def test_xla_gives_the_same_loss_and_gradient(mining):
    z = tf.Variable(embeddings())

    def both():
        with tf.GradientTape() as tape:
            loss = kc.losses.triplet(z, LABELS, 0.5, "cosine", mining)
        return loss, tape.gradient(loss, z)

    for ours, theirs in zip(tf.function(both, jit_compile=True)(), both(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_keras_loss_tells_large_labels_apart():
    z = embeddings(4)
    labels = np.array([2**40, 2**40, 2**40 + 1, 2**40 + 1])
    expected = slow_triplet(z, labels, 0.9, "l2", "semi_hard").mean()
    assert expected > 0
    np.testing.assert_allclose(kc.losses.Triplet(0.9)(labels, z), expected, rtol=1e-5)


def test_it_trains_a_keras_model():
    """The labels arrive as a column and as integers, as Keras passes them."""
    model = keras.Sequential([keras.Input([5]), keras.layers.Dense(3)])
    model.compile("sgd", kc.losses.Triplet(0.9, mining="hard"))
    z = embeddings()
    expected = slow_triplet(model(z).numpy(), LABELS, 0.9, "l2", "hard").mean()
    loss = model.evaluate(z, LABELS[:, None], batch_size=12, verbose=0)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_the_loss_round_trips():
    loss = kc.losses.Triplet(0.7, "cosine", "hard", name="mine")
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert again.get_config() == loss.get_config()
    assert (again.margin, again.distance, again.mining) == (0.7, "cosine", "hard")


def test_a_dtype_that_merges_labels_is_refused():
    """In bfloat16 the numbers 256 and 257 of two labels are one."""
    for dtype in ("bfloat16", "float16"):
        with pytest.raises(ValueError, match=rf"`dtype`.*float32.*Received: {dtype}"):
            kc.losses.Triplet(dtype=dtype)
    keras.config.set_dtype_policy("mixed_bfloat16")
    assert kc.losses.Triplet().dtype == "float32"


def test_bad_input_is_named():
    z = embeddings()
    for margin in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=r"`margin`.*Received: "):
            kc.losses.triplet(z, LABELS, margin)
        with pytest.raises(ValueError, match=r"`margin`.*Received: "):
            kc.losses.Triplet(margin)
    with pytest.raises(ValueError, match=r"`distance`.*Received: 'L1'"):
        kc.losses.triplet(z, LABELS, distance="L1")
    with pytest.raises(ValueError, match=r"`mining`.*Received: 'soft'"):
        kc.losses.triplet(z, LABELS, mining="soft")
    with pytest.raises(ValueError, match=r"`mining`.*Received: 'soft'"):
        kc.losses.Triplet(mining="soft")
    with pytest.raises(ValueError, match=r"`z` and `labels`.*Received: .*\(12, 1\)"):
        kc.losses.triplet(z, LABELS[:, None])
    with pytest.raises(ValueError, match=r"`z`.*at least 2.*Received: 1"):
        kc.losses.triplet(z[:1], LABELS[:1])
