"""LARS as the optimizer of a model: replicas, half precision, files."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_contrastive.optimizers import LARS


def small_model():
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(6, kernel_initializer=keras.initializers.HeNormal(1)),
            keras.layers.LayerNormalization(),
            keras.layers.Dense(1, kernel_initializer=keras.initializers.HeNormal(2)),
        ]
    )
    model.compile(LARS(0.3, weight_decay=0.01, trust_coefficient=0.1), "mse")
    return model


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(24, 5)).astype("float32"), rng.normal(size=(24, 1))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_two_replicas_equal_one(policy, two_devices):
    keras.config.set_dtype_policy(policy)
    tolerance = 1e-5 if policy == "float32" else 1e-2

    def trained(model):
        model.fit(*data(), batch_size=8, epochs=3, shuffle=False, verbose=0)
        return model.get_weights()

    alone = trained(small_model())
    with two_devices.scope():
        model = small_model()
    start = small_model().get_weights()
    for one, two, old in zip(alone, trained(model), start, strict=True):
        np.testing.assert_allclose(two, one, rtol=tolerance, atol=0.1 * tolerance)
        assert np.abs(one - old).max() > 1e-3


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains(policy):
    keras.config.set_dtype_policy(policy)
    model = small_model()
    before = model.get_weights()
    history = model.fit(*data(), batch_size=8, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert int(model.optimizer.iterations) >= 4  # float16 skips to find its scale
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.abs(old - new).max() > 0


RESUME = """
import sys
import keras, numpy as np
import keras_contrastive.optimizers
model = keras.saving.load_model(sys.argv[1])
assert type(model.optimizer).__name__ == "LARS", model.optimizer
x, y = np.load(sys.argv[2]).values()
model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
np.savez(sys.argv[3], *model.get_weights())
"""


def test_training_goes_on_from_a_file_in_a_fresh_process(tmp_path):
    x, y = data()
    model = small_model()
    model.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", x, y)
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    files = [str(tmp_path / name) for name in ("model.keras", "data.npz", "out.npz")]
    subprocess.run([sys.executable, "-c", RESUME, *files], check=True)
    resumed = np.load(files[2]).values()
    for here, there in zip(model.get_weights(), resumed, strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-6)
