import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.export.test_saved_model import used_trunk

NAMES = ["cat", "dög", "a bird"]
SERVER = """
import sys
import numpy as np
import tensorflow as tf

folder, out = sys.argv[1:]
served = tf.saved_model.load(f"{folder}/classifier")
images = np.load(f"{folder}/images.npy")
assert images.dtype == np.uint8
by_signature = served.signatures["serving_default"](tf.constant(images))
(names,) = served.signatures["class_names"]().values()
assert names.numpy().tolist() == served.class_names().numpy().tolist()
np.savez(
    out,
    names=[name.decode() for name in served.class_names().numpy()],
    batch=served.serve(images),
    one=served.serve_one(images[3]),
    alone=served.serve(images[3:4]),
    signature=next(iter(by_signature.values())),
    larger=served.serve(np.repeat(np.repeat(images, 2, 1), 3, 2)),
)
for name in ("keras_contrastive", "keras_cv"):
    assert name not in sys.modules, name
"""


@pytest.fixture(scope="module")
def model():
    trunk = used_trunk()
    logits = keras.layers.Dense(3, kernel_initializer="random_normal")
    return keras.Model(trunk.inputs[0], logits(5 * trunk.outputs[0]))


@pytest.fixture
def images():
    return np.random.default_rng(1).integers(0, 256, (6, 16, 16, 3), np.uint8)


def softmax(logits):
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return odds / odds.sum(1, keepdims=True)


def test_a_fresh_process_serves_it_with_tensorflow_alone(model, images, tmp_path):
    kc.export.export_classifier(model, tmp_path / "classifier", NAMES)
    np.save(tmp_path / "images.npy", images)
    arguments = ["-c", SERVER, str(tmp_path), str(tmp_path / "out.npz")]
    subprocess.run([sys.executable, *arguments], check=True, cwd=tmp_path)
    served = np.load(tmp_path / "out.npz")
    scaled = images.astype("float32") / 255
    expected = softmax(model(scaled, training=False).numpy())
    assert served["batch"].shape == (6, 3)
    assert np.ptp(expected[:, 0]) > 1e-3
    np.testing.assert_allclose(served["batch"], expected, atol=1e-6)
    np.testing.assert_array_equal(served["signature"], served["batch"])
    np.testing.assert_allclose(served["one"], expected[3], atol=1e-6)
    np.testing.assert_allclose(served["alone"], expected[3:4], atol=1e-6)
    assert served["names"].tolist() == NAMES
    larger = np.repeat(np.repeat(scaled, 2, 1), 3, 2)
    small = tf.image.resize(larger, (16, 16), antialias=True)
    expected = softmax(model(small, training=False).numpy())
    np.testing.assert_allclose(served["larger"], expected, atol=1e-5)


def test_a_model_of_probabilities_is_taken_as_it_is(images, tmp_path):
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    kc.export.export_classifier(model, tmp_path / "a", NAMES, from_logits=False)
    served = tf.saved_model.load(str(tmp_path / "a"))
    np.testing.assert_allclose(served.serve(images), model(images / 255), atol=1e-6)
    with pytest.raises((TypeError, ValueError), match="float"):
        served.serve(tf.constant(images / 255))


def test_bad_input_is_named(model, tmp_path):
    export = kc.export.export_classifier
    with pytest.raises(TypeError, match=r"`model`.*Received: Dense"):
        export(keras.layers.Dense(3), tmp_path / "a", NAMES)
    with pytest.raises(ValueError, match=r"`class_names`.*Received: 2 names"):
        export(model, tmp_path / "a", NAMES[:2])
    anywhere = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.GlobalMaxPooling2D()]
    )
    with pytest.raises(ValueError, match=r"`model`.*fixed size. Received: "):
        export(anywhere, tmp_path / "a", NAMES)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(FileExistsError, match=r"`path`.*Received: "):
        export(model, tmp_path / "full", NAMES)
