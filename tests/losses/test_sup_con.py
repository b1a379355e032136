import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_contrastive as kc
from keras_contrastive.losses.sup_con import class_index, compare
from tests.reference.sup_con import sup_con as slow

LABELS = np.array([2, 0, 2, 1, 2, 0, 7])


def embeddings(count=7, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(count, dim)) * rng.uniform(0.1, 10, (count, 1))
    return z.astype("float32")


@pytest.mark.parametrize("temperature", [0.01, 0.1, 0.5, 2.0])
@pytest.mark.parametrize("block_size", [None, 3])
def test_it_equals_the_slow_loop(temperature, block_size):
    z = embeddings()
    ours = kc.losses.sup_con(z, LABELS, temperature, block_size=block_size)
    assert ours.dtype == tf.float32
    expected = slow(z, LABELS, temperature)
    # Labels 1 and 7 stand alone.
    assert (ours.numpy()[[3, 6]] == 0).all()
    np.testing.assert_allclose(ours, expected, rtol=2e-6, atol=3e-6)
    loss = kc.losses.SupConLoss(temperature, block_size)(LABELS, z)
    np.testing.assert_allclose(loss, expected.mean(), rtol=2e-6, atol=2e-6)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    count=st.integers(2, 9),
    dim=st.integers(1, 6),
    classes=st.integers(1, 9),
    temperature=st.floats(0.05, 5),
    block_size=st.none() | st.integers(1, 12),
    seed=st.integers(0, 1000),
)
def test_it_equals_the_slow_loop_anywhere(
    count, dim, classes, temperature, block_size, seed
):
    z = embeddings(count, dim, seed)
    labels = np.random.default_rng(seed).integers(0, classes, count) - 3
    ours = kc.losses.sup_con(z, labels, temperature, block_size=block_size)
    expected = slow(z, labels, temperature)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


def test_two_views_without_other_positives_are_nt_xent():
    z1, z2 = embeddings(), embeddings(seed=1)
    labels = np.tile(np.arange(7), 2)
    ours = kc.losses.sup_con(np.concatenate([z1, z2]), labels, 0.2)
    expected = kc.losses.nt_xent(z1, z2, 0.2)
    np.testing.assert_allclose(ours.numpy().reshape(2, 7).mean(0), expected, atol=1e-6)


def test_its_symmetries():
    z = embeddings()
    ours = kc.losses.sup_con(z, LABELS, 0.2).numpy()
    order = np.random.default_rng(0).permutation(7)
    shuffled = kc.losses.sup_con(z[order], LABELS[order], 0.2)
    np.testing.assert_allclose(shuffled, ours[order], atol=1e-6)
    renamed = kc.losses.sup_con(z, 5 - LABELS, 0.2)
    np.testing.assert_allclose(renamed, ours, atol=1e-6)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0].astype("f")
    turned = kc.losses.sup_con(3 * z @ turn, LABELS, 0.2)
    np.testing.assert_allclose(turned, ours, atol=1e-5)


def test_an_anchor_without_a_positive_has_no_gradient():
    z = tf.Variable(embeddings())
    for labels in (LABELS, np.arange(7)):
        with tf.GradientTape(persistent=True) as tape:
            losses = kc.losses.sup_con(z, labels, 0.1)
            alone = losses[3] + losses[6]
            total = tf.reduce_sum(losses)
        assert not np.any(tape.gradient(alone, z))
        assert np.isfinite(tape.gradient(total, z)).all()
    assert not np.any(losses)
    assert not np.any(tape.gradient(total, z))
    single = kc.losses.sup_con(z[:1], [4])
    np.testing.assert_array_equal(single, [0.0])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("spread", [0.0, 1e-4, 300.0])
@pytest.mark.parametrize("block_size", [None, 5])
def test_it_is_finite_where_it_is_hard(dtype, spread, block_size):
    rng = np.random.default_rng(0)
    base = rng.normal(size=(1, 16))
    z = tf.Variable(base + spread * rng.normal(size=(8, 16)), dtype=dtype)
    for labels in ([0] * 8, [0, 1] * 4, range(8)):
        with tf.GradientTape() as tape:
            losses = kc.losses.sup_con(z, list(labels), 0.01, block_size=block_size)
            loss = tf.reduce_mean(losses)
        gradient = tape.gradient(loss, z).numpy().astype("float32")
        assert np.isfinite(loss)
        assert np.isfinite(gradient).all()
        if spread == 0 and labels == [0, 1] * 4:
            np.testing.assert_allclose(loss, np.log(7), rtol=1e-3)


def test_shares_of_a_global_batch_give_its_loss_and_gradient():
    z, labels = tf.Variable(embeddings(8)), np.array([0, 1, 0, 2, 1, 1, 3, 0])
    with tf.GradientTape() as tape:
        whole = kc.losses.sup_con(z, labels, 0.3)
        total = tf.reduce_mean(whole)
    expected = tape.gradient(total, z)
    with tf.GradientTape() as tape:
        parts = [
            kc.losses.sup_con(
                z[i : i + 2],
                labels[i : i + 2],
                0.3,
                candidates=(z, labels),
                offset=i,
            )
            for i in (0, 2, 4, 6)
        ]
        total = tf.reduce_mean(tf.concat(parts, 0))
    np.testing.assert_allclose(tf.concat(parts, 0), whole, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(total, z), expected, atol=1e-7)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32"])
def test_large_labels_stay_apart(dtype):
    z = embeddings(4)
    # Neighbours that are one number in float32; in 64 bits, in float64, too.
    large = {"int64": 2**53, "uint64": 2**63, "int32": 2**24}[dtype]
    labels = np.array([large, large + 1, large, large + 1], dtype)
    expected = slow(z, [0, 1, 0, 1], 0.1)
    ours = kc.losses.sup_con(z, labels, 0.1)
    np.testing.assert_allclose(ours, expected, rtol=1e-5)
    loss = kc.losses.SupConLoss(0.1)(labels, z)
    np.testing.assert_allclose(loss, expected.mean(), rtol=1e-5)
    np.testing.assert_array_equal(class_index(tf.constant(labels)), [0, 1, 0, 1])


def test_keras_trains_with_the_class_and_keeps_large_labels():
    x = embeddings(8)
    labels = 2**40 + np.arange(8) % 2
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    model.compile("sgd", loss=kc.losses.SupConLoss(0.5))
    z = model(x)
    loss = model.evaluate(x, labels, batch_size=8, verbose=0)
    np.testing.assert_allclose(loss, slow(z, labels, 0.5).mean(), rtol=1e-5)


def test_the_closest_other_sample_tells_the_class():
    z = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 0.9]], "float32")
    labels = np.array([0, 0, 1, 0, 1])
    for block_size in (None, 2):
        _, closest = compare(z, labels, block_size=block_size)
        # 0-1 are one class, 2-3 are not, and 3 is the closest of 4.
        assert closest.numpy().tolist() == [True, True, False, False, False]
    assert compare(z, np.zeros(5, int))[1].numpy().all()


def test_bad_input_is_named():
    z = embeddings()
    for floats in (LABELS.astype("float32"), LABELS.astype("float64")):
        with pytest.raises(TypeError, match=r"`labels`.*Received: float"):
            kc.losses.sup_con(z, floats)
        with pytest.raises(TypeError, match=r"`labels`.*Received: float"):
            kc.losses.SupConLoss()(floats, z)
    with pytest.raises(ValueError, match=r"`labels`.*Received: \(7, 1\)"):
        kc.losses.sup_con(z, LABELS[:, None])
    with pytest.raises(ValueError, match=r"`z`.*Received: \(7, 5\) and labels \(3,\)"):
        kc.losses.sup_con(z, LABELS[:3])
    with pytest.raises(ValueError, match=r"`temperature`.*Received: 0"):
        kc.losses.SupConLoss(0)
    with pytest.raises(ValueError, match=r"`block_size`.*Received: 0"):
        kc.losses.SupConLoss(block_size=0)
    with pytest.raises(ValueError, match=r"`dtype`.*Received: bfloat16"):
        kc.losses.SupConLoss(dtype="bfloat16")


def test_the_class_round_trips():
    loss = kc.losses.SupConLoss(0.3, 64, name="contrast")
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert isinstance(again, kc.losses.SupConLoss)
    assert (again.temperature, again.block_size, again.name) == (0.3, 64, "contrast")
