import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc


def encoder(dim=4, shape=(3,)):
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Dense(5, "tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(dim),
        ]
    )


def two_batches(count=6):
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, count, 3)).astype("f")


def slow(net, x, y, tau):
    energies = []
    for a, b in zip(net(x).numpy(), net(y).numpy(), strict=True):
        cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
        energies.append(-cosine / tau)
    return np.array(energies)


@pytest.mark.parametrize("tau", [0.01, 0.1, 1.0])
def test_it_is_minus_the_cosine_over_the_temperature(tau):
    net = encoder()
    pair = kc.energies.PairEnergy(net, tau)
    x, y = two_batches()
    energies = pair(x, y)
    assert energies.dtype == tf.float32
    np.testing.assert_allclose(energies, slow(net, x, y, tau), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(pair(y, x), energies, rtol=1e-6)
    np.testing.assert_allclose(pair(x, x), np.full(6, -1 / tau), rtol=1e-5)
    assert pair.temperature == 1  # The model's own, so its likelihood is not refused.


def test_nt_xent_is_its_softmax():
    """The loss of SimCLR is -F of the positive pair and the log Z of all candidates."""
    net = encoder()
    pair = kc.energies.PairEnergy(net, 0.2)
    x, y = two_batches()
    energies = np.array([pair.given(a[None])(y) for a in x])
    expected = np.diag(energies) + np.log(np.exp(-energies).sum(axis=1))
    loss = kc.losses.info_nce(net(x[:1]), net(y[:1]), net(y[1:]), 0.2)
    np.testing.assert_allclose(loss, expected[:1], rtol=1e-5)


def test_with_x_held_it_is_an_energy_over_y():
    net = encoder()
    pair = kc.energies.PairEnergy(net, 0.5)
    x, y = two_batches()
    held = pair.given(x)
    assert isinstance(held, kc.energies.Energy)
    assert (held.domain, held.event_shape) == ("reals", (3,))
    np.testing.assert_allclose(held(y), pair(x, y), rtol=1e-6)
    step = 1e-2
    for i in range(3):
        h = (step * np.eye(3)[i]).astype("f")
        slope = (pair(x, y + h) - pair(x, y - h)) / (2 * step)
        np.testing.assert_allclose(held.score(y)[:, i], -slope, atol=1e-3)
    # Downhill in y alone, the pair comes together.
    moved = y + 0.1 * held.score(y)
    assert (pair(x, moved).numpy() < pair(x, y).numpy()).all()


def test_one_point_may_be_held_for_all():
    pair = kc.energies.PairEnergy(encoder())
    x, y = two_batches()
    ours = pair.given(x[:1])(y)
    np.testing.assert_allclose(ours, pair(np.repeat(x[:1], 6, 0), y), rtol=1e-5)


def test_flips_and_curvatures_meet_the_point_that_is_theirs():
    pair = kc.energies.PairEnergy(encoder(), 0.5, domain="bits")
    x, y = (two_batches() > 0).astype("f")
    differences = pair.given(x).flip_differences(y).numpy()
    for i in range(6):
        for j in range(3):
            flipped = y[i : i + 1].copy()
            flipped[0, j] = 1 - flipped[0, j]
            expected = pair(x[i : i + 1], flipped) - pair(x[i : i + 1], y[i : i + 1])
            np.testing.assert_allclose(differences[i, j], expected[0], atol=1e-5)
    reals = kc.energies.PairEnergy(pair.encoder, 0.5)
    together = kc.losses.score_matching(reals.given(x), y)
    alone = [
        kc.losses.score_matching(reals.given(x[i : i + 1]), y[i : i + 1])[0]
        for i in range(6)
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-4)


def test_the_encoder_learns_through_both_and_keeps_its_statistics():
    net = encoder()
    pair = kc.energies.PairEnergy(net)
    x, y = two_batches()
    statistics = [v.numpy() for v in net.non_trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(pair.given(x)(y))
    held = tape.gradient(loss, net.trainable_variables)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(pair(x, y))
    whole = tape.gradient(loss, net.trainable_variables)
    for ours, theirs in zip(held, whole, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
        assert np.abs(ours).max() > 0
    for v, before in zip(net.non_trainable_variables, statistics, strict=True):
        np.testing.assert_array_equal(v, before)
    assert len(pair.trainable_variables) == len(net.trainable_variables)


def test_a_step_may_hold_a_batch_without_retracing():
    pair = kc.energies.PairEnergy(encoder())
    traces = []

    @tf.function(jit_compile=True)
    def chain(x, y):
        traces.append(1)
        held = pair.given(x)
        for _ in range(3):
            y = y + 0.1 * held.score(y)
        return y

    x, y = two_batches()
    moved = chain(tf.constant(x), tf.constant(y))
    chain(tf.constant(y), tf.constant(x))
    assert len(traces) == 1
    expected = tf.constant(y)
    for _ in range(3):
        expected = expected + 0.1 * pair.given(x).score(expected)
    np.testing.assert_allclose(moved, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_cosines_are_float32_under_any_policy(policy):
    keras.config.set_dtype_policy(policy)
    pair = kc.energies.PairEnergy(encoder(), 0.01)
    x, y = two_batches()
    assert pair(x, y).dtype == tf.float32
    np.testing.assert_allclose(pair(x, x), np.full(6, -100.0), rtol=1e-5)


def test_it_saves_and_loads(tmp_path):
    pair = kc.energies.PairEnergy(encoder(), 0.3, domain="bits")
    inputs = [keras.Input([3]), keras.Input([3])]
    keras.Model(inputs, pair(*inputs)).save(tmp_path / "pair.keras")
    again = keras.saving.load_model(tmp_path / "pair.keras").layers[-1]
    x, y = two_batches()
    np.testing.assert_array_equal(again(x, y), pair(x, y))
    assert (again.tau, again.domain, again.event_shape) == (0.3, "bits", (3,))


def test_bad_input_is_named():
    pair = kc.energies.PairEnergy(encoder())
    x, y = two_batches()
    for temperature in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=r"`temperature`.*Received: "):
            kc.energies.PairEnergy(encoder(), temperature)
    with pytest.raises(ValueError, match=r"`encoder`.*built.*Received: "):
        kc.energies.PairEnergy(keras.Sequential([keras.layers.Dense(2)]))
    with pytest.raises(TypeError, match=r"`encoder`.*Received: None"):
        kc.energies.PairEnergy(None)
    image = keras.Sequential([keras.Input([3]), keras.layers.Reshape([3, 1])])
    with pytest.raises(ValueError, match=r"`encoder`.*\(batch, dim\).*Received: "):
        kc.energies.PairEnergy(image)(x, y)
    for method in (pair.score, pair.flip_differences):
        with pytest.raises(TypeError, match=r"`pair.given\(x\)`.*Received: "):
            method(x)
    with pytest.raises(ValueError, match=r"`x` must hold 4 points.*Received: 6"):
        pair.given(x[:4])(y)
    with pytest.raises(ValueError, match=r"`x` must have shape.*Received: "):
        pair(x, y[:, :2])
    with pytest.raises(TypeError, match=r"save.*`pair`.*Received: "):
        pair.given(x).get_config()
