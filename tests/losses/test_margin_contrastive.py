import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_contrastive as kc
from tests.reference import margin_contrastive as slow

KINDS = ["l2", "cosine"]


def pairs(count=9, dim=5, seed=0, scale=0.4):
    rng = np.random.default_rng(seed)
    z1, z2 = scale * rng.normal(size=(2, count, dim)).astype("float32")
    return z1, z2, rng.integers(0, 2, count)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("margin", [0.3, 1.0, 2.5])
def test_it_equals_the_slow_loop(kind, margin):
    z1, z2, same = pairs()
    ours = kc.losses.margin_contrastive(z1, z2, same, margin, kind)
    assert ours.dtype == tf.float32
    expected = slow.margin_contrastive(z1, z2, same, margin, kind)
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-6)
    loss = kc.losses.MarginContrastive(margin, kind)(same, (z1, z2))
    np.testing.assert_allclose(loss, expected.mean(), rtol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("margin", [0.3, 1.0, 2.5])
def test_all_pairs_of_a_batch_equal_the_slow_loop(kind, margin):
    z, _, _ = pairs(12)
    labels = np.array([0, 0, 1, 2, 2, 2, 3, 1, 0, 4, 4, 2])
    ours = kc.losses.in_batch_margin_contrastive(z, labels, margin, kind)
    expected = slow.in_batch(z, labels, margin, kind)
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-6)


@given(
    count=st.integers(2, 9),
    dim=st.integers(1, 7),
    margin=st.floats(0.01, 10),
    kind=st.sampled_from(KINDS),
    dtype=st.sampled_from(["float16", "bfloat16", "float32"]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=25, derandomize=True)
def test_any_batch_equals_the_slow_loop(count, dim, margin, kind, dtype, seed):
    z = tf.cast(pairs(count, dim, seed)[0], dtype)
    exact = tf.cast(z, tf.float32).numpy()
    labels = np.random.default_rng(seed).integers(0, 3, count)
    ours = kc.losses.in_batch_margin_contrastive(z, labels, margin, kind)
    # A root near 0 and a margin of 10 enlarge the rounding of a squared distance.
    np.testing.assert_allclose(
        ours, slow.in_batch(exact, labels, margin, kind), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("kind", KINDS)
def test_its_symmetries(kind):
    z1, z2, same = pairs()
    ours = kc.losses.margin_contrastive(z1, z2, same, 1.0, kind).numpy()
    swapped = kc.losses.margin_contrastive(z2, z1, same, 1.0, kind)
    np.testing.assert_allclose(swapped, ours, atol=1e-6)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0].astype("f")
    turned = kc.losses.margin_contrastive(z1 @ turn, z2 @ turn, same, 1.0, kind)
    np.testing.assert_allclose(turned, ours, atol=1e-6)
    longer = kc.losses.margin_contrastive(3 * z1, 3 * z2, same, 1.0, kind)
    assert np.allclose(longer, ours, atol=1e-5) == (kind == "cosine")
    moved = kc.losses.margin_contrastive(z1 + 1, z2 + 1, same, 1.0, kind)
    assert np.allclose(moved, ours, atol=1e-5) == (kind == "l2")


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_pull_what_is_alike_and_push_the_rest(kind):
    z1, z2 = (tf.Variable([[x, 1.0]] * 2) for x in (0.0, 0.3))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(
            kc.losses.margin_contrastive(z1, z2, [True, False], 1.0, kind)
        )
    gradient = tape.gradient(loss, z1).numpy()
    assert gradient[0, 0] < -0.1  # Descent moves it to the right, to its like.
    assert gradient[1, 0] > 0.1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("spread", [0.0, 1e-4, 1.0, 300.0])
def test_it_is_finite_where_it_is_hard(kind, dtype, spread):
    rng = np.random.default_rng(0)
    z = tf.Variable(
        rng.normal(size=(1, 16)) + spread * rng.normal(size=(8, 16)), dtype=dtype
    )
    labels = np.arange(8) // 2
    with tf.GradientTape() as tape:
        paired = kc.losses.margin_contrastive(z, z[::-1], labels % 2, 1.0, kind)
        joint = kc.losses.in_batch_margin_contrastive(z, labels, 1.0, kind)
        loss = tf.reduce_mean(paired) + tf.reduce_mean(joint)
    gradient = tf.cast(tape.gradient(loss, z), tf.float32)
    assert np.isfinite(gradient).all()
    assert np.isfinite(loss)
    if spread == 0:
        # Every unlike pair lacks the whole margin, and none knows where to go.
        np.testing.assert_array_equal(joint, np.ones(8))
        np.testing.assert_array_equal(gradient, np.zeros((8, 16)))


def test_a_far_cloud_keeps_its_distances():
    z = pairs(8, scale=0.01)[0]
    labels = np.arange(8) // 2
    # Exact in float32: a shift by a power of two, of numbers that leave room for it.
    z = np.round(z * 2**16) / 2**16
    near = kc.losses.in_batch_margin_contrastive(z, labels, 0.1)
    far = kc.losses.in_batch_margin_contrastive(z + np.float32(32), labels, 0.1)
    np.testing.assert_allclose(far, near, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_shares_of_a_global_batch_give_its_loss_and_gradient(kind):
    z = tf.Variable(pairs(8)[0])
    labels = tf.constant([0, 1, 1, 2, 0, 2, 3, 3])

    def loss(rows, kinds, **share):
        return kc.losses.in_batch_margin_contrastive(rows, kinds, 1.0, kind, **share)

    with tf.GradientTape() as tape:
        whole = loss(z, labels)
        total = tf.reduce_mean(whole)
    expected = tape.gradient(total, z)
    with tf.GradientTape() as tape:
        parts = [
            loss(z[i : i + 2], labels[i : i + 2], candidates=(z, labels), offset=i)
            for i in (0, 2, 4, 6)
        ]
        total = tf.reduce_mean(tf.concat(parts, 0))
    np.testing.assert_allclose(tf.concat(parts, 0), whole, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(total, z), expected, atol=1e-6)


def test_the_loss_round_trips():
    loss = kc.losses.MarginContrastive(0.7, "cosine", name="mine")
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert again.get_config() == loss.get_config()
    assert (again.margin, again.distance, again.name) == (0.7, "cosine", "mine")


def test_bad_input_is_named():
    z1, z2, same = pairs()
    for margin in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"`margin`.*Received: "):
            kc.losses.margin_contrastive(z1, z2, same, margin)
        with pytest.raises(ValueError, match=r"`margin`.*Received: "):
            kc.losses.MarginContrastive(margin)
    with pytest.raises(ValueError, match=r"`distance`.*Received: 'L1'"):
        kc.losses.margin_contrastive(z1, z2, same, distance="L1")
    with pytest.raises(ValueError, match=r"`distance`.*Received: 'L1'"):
        kc.losses.MarginContrastive(distance="L1")
    with pytest.raises(ValueError, match=r"`z1` and `z2`.*Received: \(9, 5\)"):
        kc.losses.margin_contrastive(z1, z2[:3], same)
    with pytest.raises(ValueError, match=r"`same`.*Received: .*\(3,\)"):
        kc.losses.margin_contrastive(z1, z2, same[:3])
    with pytest.raises(ValueError, match=r"`z` and `labels`.*Received: .*\(3,\)"):
        kc.losses.in_batch_margin_contrastive(z1, same[:3])
    with pytest.raises(ValueError, match=r"`z`.*at least 2.*Received: 1"):
        kc.losses.in_batch_margin_contrastive(z1[:1], same[:1])
