import hashlib
import json
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

PROGRAM = """
import json, pathlib, random, sys, time
import keras

lazy = {"tensorflow_datasets", "sklearn", "matplotlib", "keras_cv"} - set(sys.modules)
import keras_contrastive.data as data

imported = sorted(lazy & set(sys.modules))
sys.path.insert(0, sys.argv[2])
from conftest import Noise, checksum
import tensorflow_datasets  # so that both start to write at the same moment
import sklearn.datasets
import keras_contrastive.data.digits

folder = pathlib.Path(sys.argv[1])
(folder / f"ready{sys.argv[3]}").touch()
while not (folder / "go").exists():
    time.sleep(0.005)
random.seed(0)
digits = data.load("contrastive_digits", "train", folder / "tfds")
passes = data.views(digits, Noise(), 64, seed=3, first_epoch=1)
print(json.dumps({"imported": imported, "views": checksum(passes)}))
"""


@keras.saving.register_keras_serializable(package="tests")
class Noise(keras.layers.Layer):
    """Images in [0, 1] plus noise that depends on the seed alone."""

    def call(self, images, seed=None):
        noise = tf.random.stateless_uniform(tf.shape(images), seed)
        return tf.cast(images, tf.float32) / 255 + noise


def checksum(dataset):
    """One number for all that a pass holds, in order."""
    digest = hashlib.sha256()
    for element in dataset:
        for value in tf.nest.flatten(element):
            digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="session")
def two_processes(tmp_path_factory):
    """The folder into which two processes made the digits at once, and their word."""
    folder = tmp_path_factory.mktemp("digits")
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        str(folder),
        str(__file__).rpartition("/")[0],
    ]
    running = [
        subprocess.Popen([*command, str(i)], stdout=subprocess.PIPE, text=True)
        for i in range(2)
    ]
    deadline = time.monotonic() + 120
    while len(list(folder.glob("ready*"))) < 2 and time.monotonic() < deadline:
        assert all(process.poll() is None for process in running)
        time.sleep(0.02)
    (folder / "go").touch()
    outputs = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    return folder / "tfds", [json.loads(x.splitlines()[-1]) for x in outputs]


@pytest.fixture(scope="session")
def data_dir(two_processes):
    """A tfds folder that holds the digits."""
    return two_processes[0]


@pytest.fixture
def noise():
    """A policy that is a function of the images and its seed."""
    return Noise()


@pytest.fixture(name="checksum")
def checksum_fixture():
    """The function that turns all that a pass holds into one number."""
    return checksum


@pytest.fixture
def numbered():
    """Makes a set whose images, labels and ids all tell the position."""

    def make(n, **more):
        def element(i):
            image = tf.cast(tf.fill([2, 2, 1], i), tf.uint8)
            return {"image": image, "label": i * 10, "id": i, **more}

        return tf.data.Dataset.range(n).map(element)

    return make
