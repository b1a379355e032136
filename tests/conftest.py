"""Four logical devices for every test, set before TensorFlow starts."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest
import tensorflow as tf


def pytest_configure(config):
    cpu = tf.config.list_physical_devices("CPU")[0]
    four = [tf.config.LogicalDeviceConfiguration()] * 4
    tf.config.set_logical_device_configuration(cpu, four)


@pytest.fixture(autouse=True)
def _fresh_state():
    import keras

    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("float32")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="session")
def two_devices():
    # One for all tests: the collectives of two strategies in a process collide.
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
