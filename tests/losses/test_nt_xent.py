import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.losses.nt_xent import negative_log_odds
from tests.reference.nt_xent import nt_xent as slow_nt_xent


def embeddings(count=7, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    z1 = rng.normal(size=(count, dim)) * rng.uniform(0.1, 10, (count, 1))
    return z1.astype("float32"), rng.normal(size=(count, dim)).astype("float32")


@pytest.mark.parametrize("temperature", [0.01, 0.1, 0.5, 2.0])
def test_it_equals_the_slow_loop(temperature):
    z1, z2 = embeddings()
    ours = kc.losses.nt_xent(z1, z2, temperature)
    assert ours.dtype == tf.float32
    expected = slow_nt_xent(z1, z2, temperature)
    np.testing.assert_allclose(ours, expected, rtol=2e-6, atol=2e-6)
    loss = kc.losses.NTXent(temperature)(z1, z2)
    np.testing.assert_allclose(loss, expected.mean(), rtol=2e-6)


def test_its_symmetries():
    z1, z2 = embeddings()
    ours = kc.losses.nt_xent(z1, z2, 0.2).numpy()
    np.testing.assert_allclose(kc.losses.nt_xent(z2, z1, 0.2), ours, atol=1e-6)
    order = np.random.default_rng(0).permutation(len(z1))
    shuffled = kc.losses.nt_xent(z1[order], z2[order], 0.2)
    np.testing.assert_allclose(shuffled, ours[order], atol=1e-6)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0].astype("f")
    turned = kc.losses.nt_xent(z1 @ turn, 3 * z2 @ turn, 0.2)
    np.testing.assert_allclose(turned, ours, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("spread", [0.0, 1e-4, 1.0, 300.0])
def test_it_is_finite_where_it_is_hard(dtype, spread):
    rng = np.random.default_rng(0)
    base = rng.normal(size=(1, 16))
    z1, z2 = (
        tf.Variable(base + spread * rng.normal(size=(8, 16)), dtype=dtype)
        for _ in range(2)
    )
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(kc.losses.nt_xent(z1, z2, 0.01))
    for gradient in tape.gradient(loss, [z1, z2]):
        assert np.isfinite(gradient.numpy().astype("float32")).all()
    assert np.isfinite(loss)
    if spread == 0:
        # All alike: each of the 2B - 1 others is as likely.
        np.testing.assert_allclose(loss, np.log(15), rtol=1e-3)
    zeros = tf.zeros([4, 3], dtype)
    assert np.isfinite(kc.losses.nt_xent(zeros, zeros, 0.01)).all()


def test_shares_of_a_global_batch_give_its_loss_and_gradient():
    z1, z2 = map(tf.Variable, embeddings(8))
    with tf.GradientTape() as tape:
        whole = kc.losses.nt_xent(z1, z2, 0.3)
        total = tf.reduce_mean(whole)
    expected = tape.gradient(total, [z1, z2])
    with tf.GradientTape() as tape:
        parts = [
            kc.losses.nt_xent(
                z1[i : i + 2], z2[i : i + 2], 0.3, candidates=(z1, z2), offset=i
            )
            for i in (0, 2, 4, 6)
        ]
        total = tf.reduce_mean(tf.concat(parts, 0))
    np.testing.assert_allclose(tf.concat(parts, 0), whole, atol=1e-6)
    for ours, theirs in zip(tape.gradient(total, [z1, z2]), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-7)


def test_log_odds_weigh_the_negatives_against_the_positive():
    z1, z2 = embeddings(3)
    log_odds, closest = negative_log_odds(z1, z2, 0.5)
    views = np.concatenate([z1, z2])
    unit = views / np.linalg.norm(views, axis=1, keepdims=True)
    similarity = unit @ unit.T
    for i in range(6):
        positive = similarity[i, (i + 3) % 6]
        negatives = similarity[i, [k for k in range(6) if k % 3 != i % 3]]
        expected = np.log(np.exp(negatives / 0.5).sum()) - positive / 0.5
        np.testing.assert_allclose(log_odds[i // 3, i % 3], expected, atol=1e-6)
        assert bool(closest[i // 3, i % 3]) == (positive > negatives.max())
    assert 0 < np.mean(closest) < 1


def test_bad_input_is_named():
    z1, z2 = embeddings()
    for temperature in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=r"`temperature`.*Received: "):
            kc.losses.nt_xent(z1, z2, temperature)
        with pytest.raises(ValueError, match=r"`temperature`.*Received: "):
            kc.losses.NTXent(temperature)
    with pytest.raises(ValueError, match=r"`z1` and `z2`.*Received: \(7, 5\)"):
        kc.losses.nt_xent(z1, z2[:3], 0.1)
    with pytest.raises(ValueError, match=r"no negatives.*Received: 1"):
        kc.losses.nt_xent(z1[:1], z2[:1], 0.1)


def test_the_class_round_trips():
    loss = kc.losses.NTXent(0.3, name="contrast")
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert isinstance(again, kc.losses.NTXent)
    assert (again.temperature, again.name) == (0.3, "contrast")
