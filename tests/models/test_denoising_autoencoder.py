import keras
import keras_cv
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc

DAE = kc.models.DenoisingAutoencoder


def encoder(activation="tanh", units=3, inputs=4):
    layers = [keras.layers.Dense(units, activation)]
    return keras.Sequential([keras.Input([inputs]), *layers])


def decoder(units=3, outputs=4):
    return keras.Sequential([keras.Input([units]), keras.layers.Dense(outputs)])


def points(count=6, dim=4, seed=0):
    return np.random.default_rng(seed).uniform(0.1, 0.9, (count, dim)).astype("float32")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def slow_error(x, made, loss):
    """One sum a point, averaged: a loop from the definition."""
    total = 0.0
    for point, logits in zip(x, made, strict=True):
        for truth, logit in zip(point, logits, strict=True):
            if loss == "squared_error":
                total += (logit - truth) ** 2
            elif loss == "sigmoid and squares":
                total += (sigmoid(logit) - truth) ** 2
            else:
                r = sigmoid(logit)
                total -= truth * np.log(r) + (1 - truth) * np.log(1 - r)
    return total / len(x)


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        ("squared_error", {}),
        ("sigmoid and squares", {"output": "sigmoid"}),
        ("cross_entropy", {"loss": "cross_entropy"}),
    ],
)
@pytest.mark.parametrize("tied", [False, True])
def test_one_step_lowers_the_error_of_mending(loss, options, tied):
    keras.utils.set_random_seed(0)
    model = DAE(
        encoder(),
        "tied" if tied else decoder(),
        kc.augment.Masking(0.5),
        seed=7,
        **options,
    )
    model.compile(keras.optimizers.SGD(0.1))
    x = points()
    damaged = kc.augment.Masking(0.5)(
        x, seed=kc._seeded.fold_in(tf.constant([7, 0], tf.int64), 0), total=6
    )
    assert np.any(damaged.numpy() != x)
    first = model.encoder.layers[0]
    hidden = np.tanh(damaged.numpy() @ first.kernel.numpy() + first.bias.numpy())
    kernel = first.kernel.numpy().T
    if not tied:
        kernel = model.decoder.layers[0].kernel.numpy()
    expected = slow_error(x, hidden @ kernel, loss)
    with tf.GradientTape() as tape:
        error = model.error(tf.constant(x), damaged, training=True)
    gradients = tape.gradient(error, [v.value for v in model.trainable_variables])
    wanted = [
        v.numpy() - 0.1 * g
        for v, g in zip(model.trainable_variables, gradients, strict=True)
    ]
    np.testing.assert_allclose(error, expected, rtol=1e-5)
    history = model.fit(x, batch_size=6, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
    for v, value in zip(model.trainable_variables, wanted, strict=True):
        np.testing.assert_allclose(v.numpy(), value, atol=1e-6)


def test_called_it_mends_and_its_energy_says_how_far():
    model = DAE(encoder(), decoder(), None, "cross_entropy", seed=0)
    x = points()
    mended = sigmoid(model.decoder(model.encoder(x)).numpy())
    np.testing.assert_allclose(model(x), mended, atol=1e-6)
    np.testing.assert_allclose(model.predict(x, verbose=0), mended, atol=1e-6)
    np.testing.assert_allclose(
        model.energy(x), ((mended - x) ** 2).sum(axis=1), atol=1e-5
    )
    again = kc.energies.ReconstructionEnergy(model)
    np.testing.assert_allclose(again(x), model.energy(x), atol=1e-6)


def test_each_step_and_each_replica_s_rows_are_damaged_anew():
    model = DAE(encoder(), decoder(), kc.augment.GaussianNoise(0.3), seed=3)
    x = tf.constant(points())
    first, second = (model.corrupted(x, step) for step in (0, 1))
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_array_equal(first, model.corrupted(x, 0))


def test_a_linear_one_learns_tweedie_s_map():
    """On N(m, C) with noise sigma: r*(x) = m + C (C + sigma^2)^-1 (x - m), to 1%."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    stddev, mean = 0.5, np.array([0.3, -0.2])
    factor = np.array([[1.0, 0.0], [0.6, 0.5]])
    x = (mean + rng.normal(size=(4000, 2)) @ factor.T).astype(np.float32)
    # What the draw at hand has, so that no sampling error is left in the data.
    mean, covariance = x.mean(axis=0), np.cov(x.T, bias=True)
    linear = keras.Sequential([keras.Input([2]), keras.layers.Dense(2, use_bias=False)])
    out = keras.Sequential([keras.Input([2]), keras.layers.Dense(2)])
    model = DAE(linear, out, kc.augment.GaussianNoise(stddev), seed=1)
    rate = keras.optimizers.schedules.CosineDecay(0.02, 60 * 16)
    model.compile(keras.optimizers.Adam(rate))
    model.fit(x, batch_size=250, epochs=60, verbose=0)
    best = covariance @ np.linalg.inv(covariance + stddev**2 * np.eye(2))
    grid = rng.normal(size=(500, 2)) @ factor.T + mean
    expected = mean + (grid - mean) @ best.T
    error = model(grid).numpy() - expected
    assert np.linalg.norm(error) < 0.01 * np.linalg.norm(expected - grid) + 1e-9 or (
        np.linalg.norm(error) / np.linalg.norm(expected) < 0.01
    )


def test_a_network_learns_it_on_two_modes():
    """Against the closed form of a mixture, weighted as the noisy data are, to 5%."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    mu, s, stddev = 1.0, 0.3, 0.5
    side = rng.choice([-mu, mu], size=(8000, 1))
    x = (side + s * rng.normal(size=(8000, 1))).astype(np.float32)
    net = keras.Sequential(
        [
            keras.Input([1]),
            keras.layers.Dense(64, "tanh"),
            keras.layers.Dense(64, "tanh"),
        ]
    )
    out = keras.Sequential([keras.Input([64]), keras.layers.Dense(1)])
    model = DAE(net, out, kc.augment.GaussianNoise(stddev), seed=1)
    rate = keras.optimizers.schedules.CosineDecay(0.005, 60 * 32)
    model.compile(keras.optimizers.Adam(rate))
    model.fit(x, batch_size=250, epochs=60, verbose=0)
    noisy = x[:4000] + stddev * rng.normal(size=(4000, 1))
    total = s**2 + stddev**2
    pull = stddev**2 * mu * np.tanh(mu * noisy / total)
    expected = (s**2 * noisy + pull) / total
    error = model(noisy).numpy() - expected
    assert np.linalg.norm(error) < 0.05 * np.linalg.norm(expected)


def test_batch_norm_learns_its_statistics_from_damaged_points_alone():
    net = kc.encoders.create("convnet", (8, 8, 1), filters=(4, 8))
    out = kc.encoders.create_decoder("convnet", 8, (8, 8, 1), filters=(8, 4))
    model = DAE(net, out, kc.augment.Masking(0.3, patch_size=2), seed=0)
    model.compile(keras.optimizers.Adam(1e-2))
    images = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1)).astype(np.uint8)
    norm = net.layers[2]
    before = norm.moving_mean.numpy()
    history = model.fit(images, epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]
    moved = norm.moving_mean.numpy()
    assert np.any(moved != before)
    model.evaluate(images, verbose=0)
    model.energy(images / 255)
    np.testing.assert_array_equal(norm.moving_mean.numpy(), moved)


@pytest.mark.parametrize(
    "corruption",
    [
        keras_cv.layers.RandomCutout(0.5, 0.5),
        keras.layers.GaussianNoise(0.1),
        keras.layers.Dropout(0.3),
    ],
)
def test_anybody_s_layer_corrupts(corruption):
    net = keras.Sequential(
        [keras.Input([4, 4, 3]), keras.layers.Flatten(), keras.layers.Dense(5)]
    )
    out = kc.encoders.create_decoder("mlp", 5, (4, 4, 3))
    model = DAE(net, out, corruption, seed=0)
    model.compile("sgd")
    images = np.random.default_rng(0).uniform(size=(8, 4, 4, 3)).astype(np.float32)
    assert np.any(model.corrupted(tf.constant(images), 0) != images)
    history = model.fit(images, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_a_single_point_is_taken():
    model = DAE(encoder(), decoder(), kc.augment.Masking(0.3), seed=0)
    model.compile("sgd")
    model.fit(points(1), verbose=0)
    assert model.step.numpy() == 1


def test_its_encoder_is_exported_and_fine_tunes(tmp_path):
    net = kc.encoders.create("convnet", (8, 8, 1), filters=(4, 8))
    out = kc.encoders.create_decoder("convnet", 8, (8, 8, 1), filters=(8, 4))
    model = DAE(net, out, kc.augment.Masking(0.3), seed=0)
    kc.export.export_encoder(model, tmp_path / "encoder")
    trunk = kc.export.load_encoder(tmp_path / "encoder")
    images = np.random.default_rng(0).uniform(size=(8, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(trunk(images), net(images, training=False))
    inputs = keras.Input(trunk.image_shape)
    classifier = keras.Model(inputs, keras.layers.Dense(2)(trunk(inputs)))
    classifier.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    before = [v.numpy() for v in trunk.weights]
    classifier.fit(images, np.arange(8) % 2, verbose=0)
    assert all(
        np.any(old != new.numpy())
        for old, new in zip(before, trunk.weights, strict=True)
    )


class Crops(keras.layers.Layer):
    def call(self, x):
        return x[:, 1:]


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: DAE(lambda x: x, decoder(), None), TypeError, "`encoder`"),
        (lambda: DAE(encoder(), "untied", None), TypeError, "`decoder`"),
        (lambda: DAE(encoder(), decoder(), "noise"), TypeError, "`corruption`"),
        (lambda: DAE(keras.layers.Dense(2), decoder(), None), ValueError, "`encoder`"),
        (lambda: DAE(encoder(), decoder(outputs=5), None), ValueError, "`decoder`"),
        (lambda: DAE(encoder(), decoder(), None, "mse"), ValueError, "`loss`"),
        (
            lambda: DAE(encoder(), decoder(), None, output="tanh"),
            ValueError,
            "`output`",
        ),
        (
            lambda: DAE(encoder(), decoder(), None, "cross_entropy", "linear"),
            ValueError,
            "`output`",
        ),
        (
            lambda: DAE(
                encoder(),
                keras.Sequential([keras.Input([3]), keras.layers.Dense(4, "sigmoid")]),
                None,
                "cross_entropy",
            ),
            ValueError,
            "`decoder` must end without",
        ),
        (
            lambda: DAE(kc.encoders.create("mlp", (4,)), "tied", None),
            ValueError,
            "tied to",
        ),
    ],
)
def test_bad_arguments_are_refused(call, kind, words):
    with pytest.raises(kind, match=rf"(?s){words}.*Received: "):
        call()


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (points() + 1, {"loss": "cross_entropy"}, r"in \[0, 1\]"),
        (points() * np.nan, {}, "finite"),
        (points(dim=5), {}, "shape"),
        (points(), {"corruption": Crops()}, "`corruption`"),
    ],
)
def test_bad_points_are_refused_and_change_nothing(data, options, words):
    corruption = options.pop("corruption", kc.augment.Masking(0.3))
    model = DAE(encoder(), decoder(), corruption, seed=0, **options)
    model.compile("sgd")
    before = model.get_weights()
    with pytest.raises(ValueError, match=rf"(?s){words}.*Received: "):
        model.fit(data, verbose=0)
    assert model.step.numpy() == 0
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
