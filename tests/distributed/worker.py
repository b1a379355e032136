"""One process of a distributed run, which walks over models of the zoo.

python -m tests.distributed.worker MODE OUT NAME...

MODE is `default`, `mirroredN` for N logical devices, or `multiworker`. OUT is a folder
that all processes of the run share; what each has come to it writes to `MODE-TASK.npz`.
"""

import importlib.util
import os
import pathlib
import sys
import traceback

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import keras_contrastive as kc


def strategy_of(mode):
    if mode.startswith("mirrored"):
        count = int(mode.removeprefix("mirrored"))
        cpu = tf.config.list_physical_devices("CPU")[0]
        devices = [tf.config.LogicalDeviceConfiguration()] * count
        tf.config.set_logical_device_configuration(cpu, devices)
        names = [f"CPU:{i}" for i in range(count)]
        return kc.distribute.strategy("mirrored", devices=names)
    return kc.distribute.strategy(mode)


class Stop(keras.callbacks.Callback):
    """Ends the training after two epochs, in the last process alone."""

    def on_epoch_end(self, epoch, logs=None):
        strategy = self.model.distribute_strategy
        resolver = getattr(strategy, "cluster_resolver", None)
        last = resolver is None or resolver.task_id == 1
        if epoch == 1 and last:
            self.model.stop_training = True


def callbacks_for(name, folder):
    """What people hand to `fit`; all processes write to the same folder."""
    from tests.contracts import energy_zoo, zoo

    if name in zoo.MODELS:
        labelled = zoo.images(48), np.arange(48) % 3
        watching = [
            kc.callbacks.KNNMonitor(labelled, labelled, k=5),
            kc.callbacks.RepresentationMonitor(zoo.images(32)),
        ]
    else:
        # Not a multiple of the replicas.
        watching = [kc.callbacks.EnergyMonitor(energy_zoo.points(name)[:45])]
    # TensorFlow does not bring TensorBoard along.
    if importlib.util.find_spec("tensorboard"):
        watching.append(keras.callbacks.TensorBoard(folder / "board"))
    return [
        *watching,
        keras.callbacks.CSVLogger(folder / "history.csv"),
        keras.callbacks.ModelCheckpoint(folder / "best.keras", monitor="loss"),
        Stop(),
    ]


def trained(name, strategy, folder):
    """Everything that a run of a model comes to, by name."""
    from tests.contracts import energy_zoo, zoo

    home = zoo if name in zoo.MODELS else energy_zoo
    keras.utils.set_random_seed(1)
    with strategy.scope():
        model = home.MODELS[name]()
        # Slow enough that rounding does not grow: a ReLU that flips at another step
        # would.
        model.compile(keras.optimizers.SGD(0.003, momentum=0.9))
    data = home.dataset(name)
    history = model.fit(
        data, epochs=3, verbose=0, callbacks=callbacks_for(name, folder)
    ).history
    logs = model.evaluate(data, verbose=0, return_dict=True)
    values = {f"fit {key}": value for key, value in history.items()}
    values |= {f"evaluate {key}": value for key, value in logs.items()}
    # 45 and batches of 8: the last of five images, which replicas cannot share.
    some = zoo.images(45) / 255 if home is zoo else energy_zoo.points(name)[:45]
    values["predict"] = model.predict(some, batch_size=8, verbose=0)
    saved = keras.saving.load_model(folder / "best.keras")
    values["saved"] = saved.predict(some[:8], verbose=0)
    variables = [*model.optimizer.variables, *model.variables]
    return values | {f"weight {i} {v.path}": v.numpy() for i, v in enumerate(variables)}


def main(mode, out, *names):
    strategy = strategy_of(mode)
    task = strategy.cluster_resolver.task_id if mode == "multiworker" else 0
    values = {"replicas": strategy.num_replicas_in_sync}
    for number, name in enumerate(names):
        folder = pathlib.Path(out) / mode / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        for key, value in trained(name, strategy, folder).items():
            values[f"{name}: {key}"] = np.asarray(value)
        print("done", name, flush=True)
    np.savez(pathlib.Path(out) / f"{mode}-{task}.npz", **values)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except BaseException:
        # Not to wait, on the way out, for a process that waits for this one.
        traceback.print_exc()
        sys.stdout.flush()
        os._exit(1)
