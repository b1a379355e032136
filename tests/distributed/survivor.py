"""A run that may be killed at any time, in a process that the tests fork.

A fork server has TensorFlow imported: starting it anew for each kill would take longer
than the runs.
"""

import json
import multiprocessing
import os
import pathlib
import socket
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

STEPS, EPOCHS = 4, 6
# To which a child counts its steps; and marks that it is about to save.
_SAVING = 1000


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Run:
    """The processes of a run, one or several workers.

    Args:
        name: Of a model of a zoo.
        folder: Of the backup.
        workers: How many processes train together.
    """

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.distributed.survivor_modules"])

    def __init__(self, name, folder, workers=1):
        folder.mkdir(parents=True, exist_ok=True)
        addresses = [f"localhost:{port}" for port in free_ports(workers)]
        self.logs = [folder / f"worker{index}.log" for index in range(workers)]
        self.counts = [self.context.Value("i", 0) for _ in range(workers)]
        self.processes = [
            self.context.Process(
                target=_train,
                args=(name, str(folder), addresses, i, self.counts[i], self.logs[i]),
            )
            for i in range(workers)
        ]
        for process in self.processes:
            process.start()

    def wait_for(self, worker, step):
        """Waits until a worker has come to a step, or has ended."""
        process = self.processes[worker]
        while self.counts[worker].value % _SAVING < step and process.exitcode is None:
            process.join(0.002)

    def wait_for_save(self, worker):
        """Waits until a worker is about to save, or has ended."""
        process = self.processes[worker]
        while self.counts[worker].value < _SAVING and process.exitcode is None:
            process.join(0.001)

    def finish(self, seconds=240):
        """Waits for all processes; returns what they exited with."""
        for process in self.processes:
            process.join(seconds)
        return [process.exitcode for process in self.processes]

    def printed(self):
        """Returns what the processes have printed."""
        return "\n".join(log.read_text() for log in self.logs if log.exists())


def _train(name, folder, addresses, index, count, log):
    with open(log, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if len(addresses) > 1:
        cluster = {"worker": addresses}
        task = {"type": "worker", "index": index}
        os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
    try:
        _fit(name, pathlib.Path(folder), len(addresses) > 1, count)
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def _fit(name, folder, several, count):
    import keras
    import numpy as np

    import keras_contrastive as kc
    from tests.contracts import energy_zoo, zoo

    class Watched(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            count.value = self.model.steps_taken

        def on_epoch_end(self, epoch, logs=None):
            count.value += _SAVING

    strategy = kc.distribute.strategy("multiworker" if several else "default")
    home = zoo if name in zoo.MODELS else energy_zoo
    keras.utils.set_random_seed(1)
    backup = kc.callbacks.Backup(folder, every=1)
    with strategy.scope():
        model = backup.load()
        if model is None:
            model = home.MODELS[name]()
            model.compile(keras.optimizers.SGD(0.01, momentum=0.9))
    first_epoch, first_batch = divmod(model.steps_taken, STEPS)
    print(f"from step {model.steps_taken}", flush=True)
    model.fit(
        home.dataset(name).repeat().skip(model.steps_taken),
        steps_per_epoch=STEPS,
        epochs=EPOCHS,
        initial_epoch=first_epoch,
        initial_batch=first_batch,
        callbacks=[Watched(), backup],
        verbose=0,
    )
    variables = [*model.optimizer.variables, *model.variables]
    # By number: a model that was loaded names its layers otherwise.
    values = {str(i): v.numpy() for i, v in enumerate(variables)}
    if kc.distribute.is_chief(strategy):
        np.savez(folder / "end.npz", **values)
