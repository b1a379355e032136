"""What a step pays for its replicas, measured on this machine.

    python examples/benchmarks/scaling.py devices   # one device against two
    python examples/benchmarks/scaling.py workers   # one process against two
    python examples/benchmarks/scaling.py calls     # steps a call
    python examples/benchmarks/scaling.py backup    # a backup against an epoch

Replicas are logical devices of this machine's CPU, which share its cores: they show how
work grows with their number, and not how it is shared out. Times are medians. One and
two take turns, in processes that live through the whole run and sleep in between, as
the machine's speed changes by a third from one minute to the next.
"""

import argparse
import functools
import json
import os
import socket
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from turns import Peer, spread, take_turns

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


def compare(sides, turns):
    """Lets one and two take turns; prints their times, and the loss in each turn.

    Args:
        sides: Name -> commands of the processes that step together, one first.
        turns: How often.
    """

    def together(function, of):
        # Processes that step together wait for each other, also at the start.
        with ThreadPoolExecutor(len(of)) as pool:
            return list(pool.map(function, of))

    living = {name: together(Peer, commands) for name, commands in sides.items()}

    def turn(peers):
        # The slowest process says what a step takes.
        return max(together(lambda peer: peer.ask({})["ms"], peers))

    times = take_turns(
        {name: functools.partial(turn, peers) for name, peers in living.items()}, turns
    )
    for peers in living.values():
        together(Peer.close, peers)
    one, two = times
    lost = spread(100 * (times[two] / times[one] - 1), "+.1f")
    print(
        f"{one}, ms a step {spread(times[one], '.1f')}; "
        f"{two}: {spread(times[two], '.1f')}; lost, %: {lost}"
    )


def serve(step_time):
    """Says that it is ready, and then gives a time for each line that it is sent."""
    print("{}", flush=True)
    for _ in sys.stdin:
        print(json.dumps({"ms": step_time()}), flush=True)


def command(part, args, *options):
    """Returns the command of a process of a comparison, which is this file."""
    given = f"--batch={args.batch}", f"--steps={args.steps}"
    given += (f"--steps_per_call={args.steps_per_call}",)
    return [sys.executable, __file__, part, *given, *options]


def devices(args):
    """Prints what two logical devices lose against one, in a process each."""
    sides = {
        name: [command("device", args, f"--replicas={replicas}")]
        for replicas, name in ((1, "one device"), (2, "two"))
    }
    compare(sides, args.turns)


def device(args):
    """A process of `devices`."""
    replicas = args.replicas
    if replicas > 1:
        # A core each, as devices have: what one computes with the threads of both
        # waits for the other's.
        tf.config.threading.set_intra_op_parallelism_threads(1)
    strategy = strategy_of(replicas)
    serve(warm(strategy, args.batch, args.steps, args.steps_per_call))


def calls(args):
    """Prints milliseconds a step by steps a call."""
    for r in (1, 2):
        strategy = strategy_of(r)
        sides = {n: warm(strategy, args.batch, args.steps, n) for n in (1, 4, 16)}
        for count, times in take_turns(sides, TURNS).items():
            said = spread(times, ".1f")
            print(f"R={r}, {count} steps a call, ms a step: {said}", flush=True)


def workers(args):
    """Prints what two processes lose against one."""
    sides = {}
    for count, name in ((1, "one process"), (2, "two")):
        sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
        ports = [one.getsockname()[1] for one in sockets]
        for one in sockets:
            one.close()
        cluster = {"worker": [f"localhost:{port}" for port in ports]}
        tasks = [{"type": "worker", "index": index} for index in range(count)]
        configs = [json.dumps({"cluster": cluster, "task": task}) for task in tasks]
        sides[name] = [
            command("worker", args, f"--tf_config={config}") for config in configs
        ]
    compare(sides, args.turns)


def worker(args):
    """A process of `workers`."""
    os.environ["TF_CONFIG"] = args.tf_config
    config = json.loads(args.tf_config)
    if len(config["cluster"]["worker"]) > 1:
        # A core each, as machines would have: threads of two for one core each would
        # wait for each other.
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[config["task"]["index"] % len(cores)]})
    strategy = kc.distribute.strategy("multiworker")
    serve(warm(strategy, args.batch, args.steps, args.steps_per_call))


def backup(args):
    """Prints the share of an epoch of CIFAR-10 that a backup takes."""
    model, data = made(strategy_of(1), args.batch)
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
    step_time = warm(strategy_of(1), args.batch, args.steps)
    epoch = 50_000 // args.batch * step_time()
    print(f"backup {save:.0f} ms, epoch {epoch / 1e3:.0f} s: {save / epoch:.2%}")


def main():
    """Runs one comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "part", choices=("devices", "device", "workers", "worker", "calls", "backup")
    )
    parser.add_argument("--replicas", type=int, default=1, help="of `device`")
    parser.add_argument("--tf_config", help="of `worker`")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--turns", type=int, default=15, help="of devices and workers")
    parser.add_argument("--steps_per_call", type=int, default=1, help="of these, too")
    args = parser.parse_args()
    if args.part not in ("workers", "worker"):
        cpu = tf.config.list_physical_devices("CPU")[0]
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
    globals()[args.part](args)


if __name__ == "__main__":
    main()
