"""What a step pays for its replicas, measured on this machine.

    python examples/benchmarks/scaling.py devices   # one device against two
    python examples/benchmarks/scaling.py workers   # one process against two
    python examples/benchmarks/scaling.py calls     # steps a call
    python examples/benchmarks/scaling.py backup    # a backup against an epoch

Replicas are logical devices of this machine's CPU, which share its cores: they show how
work grows with their number, and not how it is shared out. Times are medians.
"""

import argparse
import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import keras_contrastive as kc

SIDE = 32
# How often what is compared takes turns.
TURNS = 7


@functools.cache
def strategy_of(replicas):
    """Returns a strategy over logical devices; one, as those of two collide."""
    if replicas == 1:
        return tf.distribute.OneDeviceStrategy("CPU:0")
    return kc.distribute.strategy(
        "mirrored", devices=[f"CPU:{i}" for i in range(replicas)]
    )


def made(strategy, batch, steps_per_call=1):
    """Returns a small SimCLR on ready views, and endless batches for it."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        trunk = kc.encoders.create("convnet", (SIDE, SIDE, 3))
        model = kc.models.SimCLR(trunk, None, seed=0)
        model.compile(keras.optimizers.SGD(0.01), steps_per_execution=steps_per_call)
    view = np.random.default_rng(0).random((batch, SIDE, SIDE, 3), np.float32)
    return model, tf.data.Dataset.from_tensors({"views": (view, view)}).repeat()


class Clock(keras.callbacks.Callback):
    """Seconds from the first step to the end of the last.

    Not those in which `fit` throws its iterator away, which may wait for TensorFlow's
    tuning of it as long as it has lived.
    """

    def on_train_begin(self, logs=None):
        """Starts it."""
        self.start = time.perf_counter()

    def on_train_end(self, logs=None):
        """Stops it."""
        self.seconds = time.perf_counter() - self.start


def warm(strategy, batch, steps, steps_per_call=1):
    """Returns a function that gives milliseconds a step of `fit`, warmed up."""
    model, data = made(strategy, batch, steps_per_call)
    model.fit(data, steps_per_epoch=max(3, steps_per_call), verbose=0)

    def step_time():
        clock = Clock()
        model.fit(data, steps_per_epoch=steps, callbacks=[clock], verbose=0)
        return 1e3 * clock.seconds / steps

    return step_time


def in_turn(functions, turns=TURNS):
    """Returns what each function gave, `(turns, functions)`: one after the other."""
    return np.array([[function() for function in functions] for _ in range(turns)])


def said(times):
    """Returns the median and the range of times in words."""
    low, middle, high = np.percentile(times, (0, 50, 100))
    return f"{middle:.1f} ms a step ({low:.1f} to {high:.1f})"


def loss(times, one, two):
    """Prints times of one and of two beside each other, and the loss in each turn."""
    lost = 100 * (times[:, 1] / times[:, 0] - 1)
    low, middle, high = np.percentile(lost, (0, 50, 100))
    print(
        f"{one} {said(times[:, 0])}, {two} {said(times[:, 1])}: "
        f"{middle:+.1f}% ({low:+.1f}% to {high:+.1f}%)"
    )


def devices(batch, steps):
    """Prints what two logical devices lose against one; each calls this file again."""
    one, two = (functools.partial(alone, r, batch, steps) for r in (1, 2))
    loss(in_turn([one, two], turns=5), "one device", "two")


def alone(replicas, batch, steps):
    """Returns milliseconds a step of some logical devices in a process of their own."""
    command = [sys.executable, __file__, "device", f"--replicas={replicas}"]
    command += [f"--batch={batch}", f"--steps={steps}"]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(run.stdout.split()[-1])


def device(batch, steps, replicas):
    """One process of `devices`: prints its milliseconds a step."""
    if replicas > 1:
        # A core each, as devices have: what one computes with the threads of both
        # waits for the other's.
        tf.config.threading.set_intra_op_parallelism_threads(1)
    step_time = warm(strategy_of(replicas), batch, steps)
    print(np.median([step_time() for _ in range(3)]))


def calls(batch, steps):
    """Prints milliseconds a step by steps a call."""
    for r in (1, 2):
        counts = (1, 4, 16)
        times = in_turn([warm(strategy_of(r), batch, steps, n) for n in counts])
        for count, column in zip(counts, times.T, strict=True):
            print(f"R={r}, {count} steps a call: {said(column)}", flush=True)


def workers(batch, steps):
    """Prints what two processes lose against one; each calls this file again."""
    one, two = (functools.partial(processes, n, batch, steps) for n in (1, 2))
    loss(in_turn([one, two], turns=3), "one process", "two")


def processes(count, batch, steps):
    """Returns milliseconds a step of the slowest of some processes."""
    command = [sys.executable, __file__, "worker", f"--batch={batch}"]
    command.append(f"--steps={steps}")
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    tasks = [{"type": "worker", "index": index} for index in range(count)]
    started = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})},
        )
        for task in tasks
    ]
    printed = [process.communicate()[0] for process in started]
    return max(float(x.split()[-1]) for x in printed)


def worker(batch, steps):
    """One process of `workers`: prints its milliseconds a step."""
    config = json.loads(os.environ["TF_CONFIG"])
    if len(config["cluster"]["worker"]) > 1:
        # A core each, as machines would have: threads of two for one core each would
        # wait for each other.
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[config["task"]["index"] % len(cores)]})
    step_time = warm(kc.distribute.strategy("multiworker"), batch, steps)
    print(np.median([step_time() for _ in range(3)]))


def backup(batch, steps):
    """Prints the share of an epoch of CIFAR-10 that a backup takes."""
    model, data = made(strategy_of(1), batch)
    model.fit(data, steps_per_epoch=3, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        callback = kc.callbacks.Backup(folder)
        callback.set_model(model)
        taken = []
        for _ in range(10):
            start = time.perf_counter()
            callback.save()
            taken.append(1e3 * (time.perf_counter() - start))
        save = float(np.median(taken))
    epoch = 50_000 // batch * warm(strategy_of(1), batch, steps)()
    print(f"backup {save:.0f} ms, epoch {epoch / 1e3:.0f} s: {save / epoch:.2%}")


def main():
    """Runs one comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "part", choices=("devices", "device", "workers", "worker", "calls", "backup")
    )
    parser.add_argument("--replicas", type=int, default=1, help="of `device`")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=50)
    args = parser.parse_args()
    if args.part not in ("workers", "worker"):
        cpu = tf.config.list_physical_devices("CPU")[0]
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
    if args.part == "device":
        device(args.batch, args.steps, args.replicas)
    else:
        globals()[args.part](args.batch, args.steps)


if __name__ == "__main__":
    main()
