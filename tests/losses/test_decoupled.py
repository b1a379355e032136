import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.reference.decoupled import decoupled_nt_xent as slow


def embeddings(count=7, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    z1 = rng.normal(size=(count, dim)) * rng.uniform(0.1, 10, (count, 1))
    return z1.astype("float32"), rng.normal(size=(count, dim)).astype("float32")


@pytest.mark.parametrize("temperature", [0.01, 0.1, 0.5, 2.0])
@pytest.mark.parametrize("block_size", [None, 4])
def test_it_equals_the_slow_loop(temperature, block_size):
    z1, z2 = embeddings()
    ours = kc.losses.decoupled_nt_xent(z1, z2, temperature, block_size=block_size)
    assert ours.dtype == tf.float32
    expected = slow(z1, z2, temperature)
    np.testing.assert_allclose(ours, expected, rtol=2e-6, atol=2e-6)
    loss = kc.losses.DecoupledNTXent(temperature, block_size)(z1, z2)
    np.testing.assert_allclose(loss, expected.mean(), rtol=2e-6, atol=2e-6)


def test_nt_xent_is_its_softplus_in_each_direction():
    # With both views alike the two directions are one.
    z, _ = embeddings()
    decoupled = kc.losses.decoupled_nt_xent(z, z, 0.5)
    coupled = kc.losses.nt_xent(z, z, 0.5)
    np.testing.assert_allclose(coupled, np.log1p(np.exp(decoupled)), atol=1e-6)


def test_its_symmetries():
    z1, z2 = embeddings()
    ours = kc.losses.decoupled_nt_xent(z1, z2, 0.2).numpy()
    swapped = kc.losses.decoupled_nt_xent(z2, z1, 0.2)
    np.testing.assert_allclose(swapped, ours, atol=1e-6)
    order = np.random.default_rng(0).permutation(len(z1))
    shuffled = kc.losses.decoupled_nt_xent(z1[order], z2[order], 0.2)
    np.testing.assert_allclose(shuffled, ours[order], atol=1e-6)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0].astype("f")
    turned = kc.losses.decoupled_nt_xent(z1 @ turn, 3 * z2 @ turn, 0.2)
    np.testing.assert_allclose(turned, ours, atol=1e-5)


def test_a_close_positive_does_not_silence_the_negatives():
    """The paper's point: the gradient on negatives does not fade with the positive."""
    z1, z2 = embeddings(4)

    def pull(loss):
        z = tf.Variable(z1)
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(loss(z, z1 + 1e-3 * z2, 0.05))
        return np.abs(tape.gradient(value, z)).max()

    assert pull(kc.losses.decoupled_nt_xent) > 100 * pull(kc.losses.nt_xent)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("spread", [0.0, 1e-4, 300.0])
def test_it_is_finite_where_it_is_hard(dtype, spread):
    rng = np.random.default_rng(0)
    base = rng.normal(size=(1, 16))
    z1, z2 = (
        tf.Variable(base + spread * rng.normal(size=(8, 16)), dtype=dtype)
        for _ in range(2)
    )
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(kc.losses.decoupled_nt_xent(z1, z2, 0.01))
    for gradient in tape.gradient(loss, [z1, z2]):
        assert np.isfinite(gradient.numpy().astype("float32")).all()
    assert np.isfinite(loss)
    if spread == 0:
        # All alike: the positive weighs as much as each of the 2B - 2 negatives.
        np.testing.assert_allclose(loss, np.log(14), rtol=1e-3)


def test_shares_of_a_global_batch_give_its_loss_and_gradient():
    z1, z2 = map(tf.Variable, embeddings(8))
    with tf.GradientTape() as tape:
        whole = kc.losses.decoupled_nt_xent(z1, z2, 0.3)
        total = tf.reduce_mean(whole)
    expected = tape.gradient(total, [z1, z2])
    with tf.GradientTape() as tape:
        parts = [
            kc.losses.decoupled_nt_xent(
                z1[i : i + 2], z2[i : i + 2], 0.3, candidates=(z1, z2), offset=i
            )
            for i in (0, 2, 4, 6)
        ]
        total = tf.reduce_mean(tf.concat(parts, 0))
    np.testing.assert_allclose(tf.concat(parts, 0), whole, atol=1e-6)
    for ours, theirs in zip(tape.gradient(total, [z1, z2]), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-7)


def test_bad_input_is_named():
    z1, z2 = embeddings()
    with pytest.raises(ValueError, match=r"`temperature`.*Received: 0"):
        kc.losses.DecoupledNTXent(0)
    with pytest.raises(ValueError, match=r"`block_size`.*Received: 0"):
        kc.losses.DecoupledNTXent(block_size=0)
    with pytest.raises(ValueError, match=r"no negatives.*Received: 1"):
        kc.losses.decoupled_nt_xent(z1[:1], z2[:1])


def test_the_class_round_trips():
    loss = kc.losses.DecoupledNTXent(0.3, 64, name="contrast")
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert isinstance(again, kc.losses.DecoupledNTXent)
    assert (again.temperature, again.block_size, again.name) == (0.3, 64, "contrast")
