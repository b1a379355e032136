import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc


def used_trunk():
    """A trunk whose batch norm has seen images."""
    keras.utils.set_random_seed(0)
    trunk = kc.encoders.create("convnet", (16, 16, 3), filters=(4, 8))
    images = np.random.default_rng(0).random((32, 16, 16, 3), np.float32)
    for _ in range(3):
        trunk(images, training=True)
    return trunk


@pytest.fixture(scope="module")
def trunk():
    return used_trunk()


@pytest.fixture(scope="module")
def folder(trunk, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "deep" / "encoder"
    kc.export.export_encoder(trunk, folder)
    return folder


@pytest.fixture
def images():
    return np.random.default_rng(1).random((8, 16, 16, 3), np.float32)


def test_the_reloaded_trunk_is_exact(trunk, folder, images):
    expected = trunk(images, training=False).numpy()
    layer = kc.export.load_encoder(folder)
    np.testing.assert_array_equal(layer(images), expected)
    np.testing.assert_array_equal(layer(images, training=False), expected)
    served = tf.saved_model.load(str(folder))
    np.testing.assert_array_equal(served.serve(images), expected)
    assert layer.image_shape == (16, 16, 3)
    assert layer.compute_output_shape((None, 16, 16, 3)) == (None, 8)


def test_plain_tensorflow_in_a_fresh_process_serves_it(trunk, folder, images, tmp_path):
    np.save(tmp_path / "images.npy", images)
    code = (
        "import sys, numpy as np, tensorflow as tf;"
        f"trunk = tf.saved_model.load({str(folder)!r});"
        f"images = np.load({str(tmp_path / 'images.npy')!r});"
        f"np.save({str(tmp_path / 'out.npy')!r}, trunk.serve(images));"
        "assert 'keras_contrastive' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    served = np.load(tmp_path / "out.npy")
    np.testing.assert_array_equal(served, trunk(images, training=False))


def classifier(layer):
    inputs = keras.Input(layer.image_shape)
    outputs = keras.layers.Dense(2)(layer(inputs))
    model = keras.Model(inputs, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    return model


def test_fine_tuning_moves_kernels_scales_and_statistics(folder):
    layer = kc.export.load_encoder(folder)
    before = {v.path: v.numpy() for v in layer.weights}
    assert len(layer.trainable_weights) == 6
    assert len(layer.non_trainable_weights) == 4
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 128)
    pixels = rng.random((128, 16, 16, 3), np.float32)
    pixels[labels == 1, :, :8] *= 0.5
    history = classifier(layer).fit(pixels, labels, epochs=8, verbose=0)
    assert history.history["loss"][-1] < 0.7 * history.history["loss"][0]
    for variable in layer.weights:
        assert np.abs(variable.numpy() - before[variable.path]).max() > 1e-5


def test_a_frozen_trunk_stays_as_it_is(folder, images):
    layer = kc.export.load_encoder(folder, trainable=False)
    expected = layer(images).numpy()
    assert not layer.trainable_weights
    classifier(layer).fit(images, np.arange(8) % 2, epochs=2, verbose=0)
    np.testing.assert_array_equal(layer(images), expected)


def test_plain_tensorflow_fine_tunes_it(folder, images):
    trunk = tf.saved_model.load(str(folder))
    variables = trunk.call_training.get_concrete_function(
        tf.TensorSpec([None, 16, 16, 3])
    ).graph.trainable_variables
    assert len(variables) == 6
    before = [v.numpy() for v in variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(trunk.call_training(images)))
    for v, g in zip(variables, tape.gradient(loss, variables), strict=True):
        v.assign_sub(0.01 * g)
    assert all(
        not np.array_equal(v, old) for v, old in zip(variables, before, strict=True)
    )


def test_a_model_exports_its_trunk_and_saves_inside_another(folder, images, tmp_path):
    trunk = kc.encoders.create("convnet", (16, 16, 3), filters=(4, 8))
    model = kc.models.SimCLR(trunk)
    kc.export.export_encoder(model, tmp_path / "encoder")
    layer = kc.export.load_encoder(tmp_path / "encoder")
    np.testing.assert_array_equal(layer(images), trunk(images, training=False))
    tuned = classifier(layer)
    tuned.fit(images, np.arange(8) % 2, verbose=0)
    tuned.save(tmp_path / "tuned.keras")
    with keras.saving.CustomObjectScope({}):
        keras.config.enable_unsafe_deserialization()
        again = keras.saving.load_model(tmp_path / "tuned.keras")
    np.testing.assert_allclose(again(images), tuned(images), atol=1e-6)


def test_bad_input_is_named(trunk, folder, tmp_path):
    with pytest.raises(FileExistsError, match=r"`path`.*Received: "):
        kc.export.export_encoder(trunk, folder)
    with pytest.raises(TypeError, match=r"`model_or_trunk`.*Received: Dense"):
        kc.export.export_encoder(keras.layers.Dense(3), tmp_path / "a")
    with pytest.raises(ValueError, match=r"`model_or_trunk`.*Received: "):
        kc.export.export_encoder(keras.Sequential([keras.layers.Dense(3)]), tmp_path)
    with pytest.raises(FileNotFoundError, match=r"`path`.*Received: "):
        kc.export.load_encoder(tmp_path / "nothing")
    tf.saved_model.save(tf.Module(), str(tmp_path / "other"))
    with pytest.raises(ValueError, match=r"export_encoder.*Received: "):
        kc.export.load_encoder(tmp_path / "other")
