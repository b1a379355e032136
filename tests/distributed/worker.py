"""One process of a distributed run: trains a model of the zoo and writes its weights.

python -m tests.distributed.worker MODE NAME OUT
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import keras_contrastive as kc


def strategy_of(mode):
    """`default`, `mirrored4` for four logical devices, or `multiworker`."""
    if mode.startswith("mirrored"):
        count = int(mode.removeprefix("mirrored"))
        cpu = tf.config.list_physical_devices("CPU")[0]
        devices = [tf.config.LogicalDeviceConfiguration()] * count
        tf.config.set_logical_device_configuration(cpu, devices)
        names = [f"CPU:{i}" for i in range(count)]
        return kc.distribute.strategy("mirrored", devices=names)
    return kc.distribute.strategy(mode)


def main(mode, name, out):
    strategy = strategy_of(mode)
    from tests.contracts import zoo

    keras.utils.set_random_seed(1)
    with strategy.scope():
        model = zoo.MODELS[name]()
        model.compile(keras.optimizers.SGD(0.01, momentum=0.9))
    history = model.fit(zoo.dataset(name), epochs=2, verbose=0).history
    logs = model.evaluate(zoo.dataset(name), verbose=0, return_dict=True)
    values = {f"weight {i}": v.numpy() for i, v in enumerate(model.variables)}
    values |= {f"fit {key}": np.array(value) for key, value in history.items()}
    values |= {f"evaluate {key}": np.array(value) for key, value in logs.items()}
    values["replicas"] = np.array(strategy.num_replicas_in_sync)
    np.savez(out, **values)


if __name__ == "__main__":
    main(*sys.argv[1:])
