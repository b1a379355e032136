import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.losses.npid_nce import log_partition_of
from keras_contrastive.losses.pirl_nce import pirl_logits
from tests.reference import pirl_nce as slow


def embeddings(count=5, negatives=9, dim=6, seed=0):
    rng = np.random.default_rng(seed)
    anchor = rng.normal(size=(count, dim)) * rng.uniform(0.1, 10, (count, 1))
    positive, noise = rng.normal(size=(count, dim)), rng.normal(size=(negatives, dim))
    return tuple(x.astype("float32") for x in (anchor, positive, noise))


def npid(anchor, positive, negatives=None, temperature=0.07, **options):
    options = {"log_partition": 3.0, "dataset_size": 100} | options
    return kc.losses.npid_nce(anchor, positive, negatives, temperature, **options)


def slow_npid(anchor, positive, negatives, temperature):
    return slow.npid_nce(anchor, positive, negatives, temperature, 3.0, 100)


LOSSES = {"softmax": (kc.losses.pirl_nce, slow.pirl_nce), "npid": (npid, slow_npid)}


@pytest.fixture(params=LOSSES)
def form(request):
    return LOSSES[request.param]


@pytest.mark.parametrize("temperature", [0.07, 0.2, 1.0])
def test_it_equals_the_slow_loop(form, temperature):
    fast, reference = form
    anchor, positive, negatives = embeddings()
    for noise in (negatives, negatives[:1], None):
        ours = fast(anchor, positive, noise, temperature)
        assert ours.dtype == tf.float32
        expected = reference(anchor, positive, noise, temperature)
        np.testing.assert_allclose(ours, expected, rtol=2e-6, atol=2e-6)


def test_a_negative_that_has_all_the_probability_keeps_its_logarithm():
    """1 - h is 2e-87 at this temperature: 0 in float32, and -log of it not."""
    anchor = np.float32([[1, 0], [1, 0]])
    positive = np.float32([[-1, 0.1], [0.3, 1]])
    negatives = np.float32([[1, 0.01], [0, 1], [0.2, -1]])
    for temperature in (0.01, 0.003):
        ours = kc.losses.pirl_nce(anchor, positive, negatives, temperature)
        expected = slow.pirl_nce(anchor, positive, negatives, temperature)
        assert expected.min() > 100
        np.testing.assert_allclose(ours, expected, rtol=2e-6)


def test_its_gradient_is_that_of_the_slow_loop(form):
    fast, reference = form
    for noise in (0, 1):
        inputs = embeddings(3, 4)
        if noise:
            # The positive far away and a negative at the anchor: 1 - h rounds to 0.
            inputs = inputs[0], -inputs[0] + 0.01, np.r_[inputs[0][:1], inputs[2]]
        temperature = 0.02 if noise else 0.2
        tensors = [tf.Variable(x) for x in inputs]
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(fast(*tensors, temperature))
        gradients = tape.gradient(total, tensors)
        if noise and fast is npid:
            # The loop's own 1 - h is 0 there.
            assert all(np.isfinite(g.numpy()).all() for g in gradients)
            continue
        rng = np.random.default_rng(1)
        for k, gradient in enumerate(gradients):
            direction = rng.normal(size=inputs[k].shape)
            moved = []
            for sign in (1, -1):
                shifted = [x.astype(np.float64) for x in inputs]
                shifted[k] = shifted[k] + sign * 1e-6 * direction
                moved.append(reference(*shifted, temperature).sum())
            expected = (moved[0] - moved[1]) / 2e-6
            ours = (gradient.numpy() * direction).sum()
            np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("spread", [0.0, 1e-4, 1.0, 300.0])
def test_it_is_finite_where_it_is_hard(form, dtype, spread):
    fast, _ = form
    rng = np.random.default_rng(0)
    base = rng.normal(size=(1, 16))
    anchor, positive, negatives = (
        tf.Variable(base + spread * rng.normal(size=(count, 16)), dtype=dtype)
        for count in (8, 8, 12)
    )
    for noise in (negatives, None):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(fast(anchor, positive, noise, 0.01))
        assert np.isfinite(loss)
        for gradient in tape.gradient(loss, [anchor, positive]):
            assert np.isfinite(gradient.numpy().astype("float32")).all()
        if spread == 0 and fast is kc.losses.pirl_nce:
            # All alike: h is the same for each of the 13, or of the 8.
            count = 13 if noise is not None else 8
            expected = np.log(count) - (count - 1) * np.log(1 - 1 / count)
            np.testing.assert_allclose(loss, expected, rtol=2e-3)
    zeros = tf.zeros([4, 3], dtype)
    assert np.isfinite(fast(zeros, zeros, zeros, 0.01)).all()


def test_its_symmetries(form):
    fast, _ = form
    anchor, positive, negatives = embeddings()
    ours = fast(anchor, positive, negatives, 0.2).numpy()
    rng = np.random.default_rng(0)
    order = rng.permutation(len(negatives))
    np.testing.assert_allclose(
        fast(anchor, positive, negatives[order], 0.2), ours, rtol=1e-5
    )
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0].astype("f")
    turned = fast(2 * anchor @ turn, positive @ turn, negatives @ turn, 0.2)
    np.testing.assert_allclose(turned, ours, rtol=1e-5)
    order = rng.permutation(len(anchor))
    np.testing.assert_allclose(
        fast(anchor[order], positive[order], None, 0.2),
        fast(anchor, positive, None, 0.2).numpy()[order],
        rtol=1e-5,
    )


def test_the_energy_falls_for_the_positive_and_rises_for_the_others(form):
    fast, _ = form
    anchor, positive, negatives = map(tf.Variable, embeddings())
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(fast(anchor, positive, negatives, 0.5))
    down, up = tape.gradient(loss, [positive, negatives])
    steps = positive - 0.01 * down, negatives - 0.01 * up

    def similarity(a, b):
        a, b = tf.nn.l2_normalize(a, 1), tf.nn.l2_normalize(b, 1)
        return tf.matmul(a, b, transpose_b=True).numpy()

    before, after = (np.diag(similarity(anchor, p)) for p in (positive, steps[0]))
    assert (after > before).all()
    before, after = (similarity(anchor, n).mean() for n in (negatives, steps[1]))
    assert after < before


def test_shares_of_a_global_batch_give_its_loss_and_gradient(form):
    fast, _ = form
    anchor, positive, _ = map(tf.Variable, embeddings(8))
    with tf.GradientTape() as tape:
        whole = fast(anchor, positive, None, 0.3)
    expected = tape.gradient(whole, [anchor, positive])
    with tf.GradientTape() as tape:
        parts = [
            fast(
                anchor[i : i + 2],
                positive[i : i + 2],
                temperature=0.3,
                candidates=positive,
                offset=i,
            )
            for i in (0, 2, 4, 6)
        ]
        total = tf.reduce_sum(tf.concat(parts, 0))
    np.testing.assert_allclose(tf.concat(parts, 0), whole, rtol=1e-6)
    for ours, theirs in zip(
        tape.gradient(total, [anchor, positive]), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_xla_computes_the_same(form):
    fast, _ = form
    tensors = [tf.constant(x) for x in embeddings()]
    compiled = tf.function(lambda *x: fast(*x, 0.05), jit_compile=True)
    np.testing.assert_allclose(compiled(*tensors), fast(*tensors, 0.05), rtol=1e-5)


def test_log_z_is_n_times_the_mean_over_negatives():
    anchor, positive, negatives = embeddings()
    for noise in (negatives, None):
        logits, column = pirl_logits(anchor, positive, noise, 0.1)
        terms = [
            np.exp(slow.similarity(a, x) / 0.1)
            for i, a in enumerate(anchor)
            for x in (slow.in_batch(positive, i) if noise is None else noise)
        ]
        ours = log_partition_of(logits, column, 50)
        np.testing.assert_allclose(ours, np.log(50 * np.mean(terms)), rtol=1e-6)


def test_the_classes_are_the_functions():
    anchor, positive, negatives = embeddings()
    for loss, function in (
        (kc.losses.PIRLNCE(0.3), lambda *x: kc.losses.pirl_nce(*x, 0.3)),
        (kc.losses.NPIDNCE(100, 3.0, 0.3), lambda *x: npid(*x, 0.3)),
    ):
        expected = tf.reduce_mean(function(anchor, positive, negatives))
        np.testing.assert_allclose(loss((positive, negatives), anchor), expected)
        expected = tf.reduce_mean(function(anchor, positive, None))
        np.testing.assert_allclose(loss(positive, anchor), expected)
        again = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(loss)
        )
        assert type(again) is type(loss)
        assert again.get_config() == loss.get_config()


def test_bad_input_is_named(form):
    fast, _ = form
    anchor, positive, negatives = embeddings()
    for temperature in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=r"`temperature`.*Received: "):
            fast(anchor, positive, negatives, temperature)
    with pytest.raises(ValueError, match=r"`positive`.*Received: \(5, 6\) and \(3, 6"):
        fast(anchor, positive[:3], negatives)
    with pytest.raises(ValueError, match=r"`negatives`.*Received: \(9, 5\)"):
        fast(anchor, positive, negatives[:, :5])
    with pytest.raises(ValueError, match=r"`negatives`.*Received: \(0, 6\)"):
        fast(anchor, positive, negatives[:0])
    with pytest.raises(ValueError, match=r"`candidates`.*Received: \(1, 6\)"):
        fast(anchor[:1], positive[:1])
    with pytest.raises(ValueError, match=r"`temperature`.*Received: 0"):
        kc.losses.PIRLNCE(0)
    for size in (0, 2.5):
        with pytest.raises(ValueError, match=rf"`dataset_size`.*Received: {size}"):
            kc.losses.NPIDNCE(size, 3.0)
