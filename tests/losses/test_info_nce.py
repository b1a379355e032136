import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.losses.info_nce import info_nce_logits
from tests.reference.info_nce import info_nce as slow_info_nce


def vectors(count, seed, dim=5):
    rng = np.random.default_rng(seed)
    lengths = rng.uniform(0.1, 10, (count, 1))
    return (rng.normal(size=(count, dim)) * lengths).astype("float32")


@pytest.mark.parametrize("temperature", [0.01, 0.07, 0.5, 2.0])
def test_it_equals_the_slow_loop(temperature):
    query, key, queue = vectors(6, 0), vectors(6, 1), vectors(9, 2)
    ours = kc.losses.info_nce(query, key, queue, temperature)
    assert ours.dtype == tf.float32
    expected = slow_info_nce(query, key, [queue] * 6, temperature)
    np.testing.assert_allclose(ours, expected, rtol=2e-6, atol=2e-6)
    others = [np.delete(key, i, axis=0) for i in range(6)]
    expected = slow_info_nce(query, key, others, temperature)
    within = kc.losses.info_nce(query, key, temperature=temperature)
    np.testing.assert_allclose(within, expected, rtol=2e-6, atol=2e-6)
    loss = kc.losses.InfoNCE(temperature)(key, query)
    np.testing.assert_allclose(loss, expected.mean(), rtol=2e-6)


def test_its_symmetries():
    query, key, queue = vectors(6, 0), vectors(6, 1), vectors(9, 2)
    ours = kc.losses.info_nce(query, key, queue, 0.2).numpy()
    again = kc.losses.info_nce(query, 7 * key, queue[::-1], 0.2)
    np.testing.assert_allclose(again, ours, atol=1e-6)
    turned = kc.losses.info_nce(query[::-1], key[::-1], queue, 0.2)
    np.testing.assert_allclose(turned[::-1], ours, atol=1e-6)


def test_negatives_that_are_not_valid_are_left_out():
    query, key, queue = vectors(6, 0), vectors(6, 1), vectors(9, 2)
    valid = np.arange(9) % 2 == 0
    ours = kc.losses.info_nce(query, key, queue, 0.1, valid=valid)
    expected = kc.losses.info_nce(query, key, queue[valid], 0.1)
    np.testing.assert_allclose(ours, expected, atol=1e-6)
    # With none at all the positive is certain.
    none = kc.losses.info_nce(query, key, queue, 0.1, valid=np.zeros(9, bool))
    np.testing.assert_array_equal(none, 0)


def test_a_share_of_the_batch_sees_all_of_it():
    query, key = tf.constant(vectors(6, 0)), tf.constant(vectors(6, 1))
    whole = kc.losses.info_nce(query, key)
    for start in (0, 3):
        part = slice(start, start + 3)
        ours = kc.losses.info_nce(query[part], key[part], candidates=key, offset=start)
        np.testing.assert_allclose(ours, whole[part], atol=1e-6)
        _, positive = info_nce_logits(
            query[part], key[part], candidates=key, offset=start
        )
        np.testing.assert_array_equal(positive, np.arange(start, start + 3))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("spread", [0.0, 1e-4, 1.0, 300.0])
def test_it_is_finite_where_it_is_hard(dtype, spread):
    rng = np.random.default_rng(0)
    base = rng.normal(size=(1, 16))
    query, key = (
        tf.Variable(base + spread * rng.normal(size=(8, 16)), dtype=dtype)
        for _ in range(2)
    )
    negatives = tf.cast(base + spread * rng.normal(size=(20, 16)), dtype)
    for others in (None, negatives):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(kc.losses.info_nce(query, key, others, 0.01))
        assert np.isfinite(loss)
        for gradient in tape.gradient(loss, [query, key]):
            assert np.isfinite(gradient.numpy().astype("float32")).all()


def test_keras_s_loss_round_trips():
    loss = kc.losses.InfoNCE(0.3)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert copy.temperature == 0.3


def test_bad_input():
    two, three = np.ones((2, 3), "float32"), np.ones((3, 3), "float32")
    for temperature in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=r"`temperature`.*Received: "):
            kc.losses.info_nce(two, two, three, temperature)
        with pytest.raises(ValueError, match=r"`temperature`.*Received: "):
            kc.losses.InfoNCE(temperature)
    with pytest.raises(ValueError, match=r"`query` and `key`.*Received: "):
        kc.losses.info_nce(two, three)
    with pytest.raises(ValueError, match=r"`negatives`.*Received: \(3, 2\)"):
        kc.losses.info_nce(two, two, three[:, :2])
    with pytest.raises(ValueError, match=r"at least 2 rows.*Received: 1"):
        kc.losses.info_nce(two[:1], two[:1])
