"""Langevin and Gibbs-with-gradients beside the same loops in PyTorch, in one run.

On a network of 128-128-1 with a swish, steps x samples a second. The two sides take
turns, ours and the peer's of a sampler one after the other, so that what else the
machine does weighs on both; the figures are medians over the turns, and the ratio is
the median of the turns' ratios.

    python examples/benchmarks/sampler_throughput.py --peer_python PYTHON
"""

import argparse
import json
import os
import pathlib
import subprocess
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import keras_contrastive as kc

HERE = pathlib.Path(__file__).parent
SAMPLERS = ("langevin", "gibbs_with_gradients")


def walks(batch_size, steps, units=128, step_size=0.01, jit_compile=False):
    """Returns for each sampler a function that walks once and waits for the end."""
    keras.utils.set_random_seed(0)
    layers = keras.layers.Dense(units, "swish"), keras.layers.Dense(1)
    net = keras.Sequential([keras.Input([units]), *layers])
    rng = np.random.default_rng(0)
    starts = (
        rng.normal(size=[batch_size, units]),
        rng.integers(0, 2, [batch_size, units]),
    )
    samplers = kc.samplers.Langevin(step_size), kc.samplers.GibbsWithGradients()
    functions = {}
    for name, sampler, start in zip(SAMPLERS, samplers, starts, strict=True):
        energy = kc.energies.NetworkEnergy(net, domain=sampler.domain)
        x = tf.constant(start, tf.float32)

        def walk(sampler=sampler, energy=energy, x=x):
            return sampler(energy, x, steps, seed=[0, 1])

        if jit_compile:
            walk = tf.function(walk, autograph=False, jit_compile=True)
        functions[name] = lambda walk=walk: walk().numpy()
    return functions


class Peer:
    """The PyTorch side, a process that waits for its turn."""

    def __init__(self, args):
        command = [args.peer_python, str(HERE / "peers" / "torch_samplers.py")]
        command += ["--batch_size", str(args.batch_size), "--steps", str(args.steps)]
        if args.peer_threads:
            command += ["--threads", str(args.peer_threads)]
        # Idle threads that spin would take a core from the side whose turn it is.
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env=environment, **pipes)
        self.settings = json.loads(self.process.stdout.readline())

    def seconds(self, name):
        """Lets it walk once."""
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["seconds"]

    def close(self):
        """Ends it."""
        self.process.stdin.close()
        self.process.wait()


def compare(args):
    """Returns the figures of every sampler."""
    ours = walks(args.batch_size, args.steps, jit_compile=args.jit_compile)
    peer = Peer(args) if args.peer_python else None
    results = {"peer": peer.settings if peer else None}
    moves = args.batch_size * args.steps
    for name, walk in ours.items():
        walk()
        turns = []
        for _ in range(args.repeats):
            start = time.perf_counter()
            walk()
            turn = [moves / (time.perf_counter() - start)]
            if peer:
                turn.append(moves / peer.seconds(name))
            turns.append(turn)
        turns = np.array(turns)
        results[name] = {"keras_contrastive": round(float(np.median(turns[:, 0])))}
        if peer:
            results[name]["torch"] = round(float(np.median(turns[:, 1])))
            ratios = turns[:, 0] / turns[:, 1]
            results[name]["ratio"] = round(float(np.median(ratios)), 3)
            results[name]["ratios"] = [round(float(ratio), 2) for ratio in ratios]
    if peer:
        peer.close()
    return results


def main(arguments=None):
    """Runs the comparison and prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer_python", help="python of the peer's environment")
    parser.add_argument("--peer_threads", type=int, help="its default if not given")
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--jit_compile", action="store_true", help="XLA, our side")
    parser.add_argument("--json", type=pathlib.Path, help="file to write")
    args = parser.parse_args(arguments)
    results = compare(args)
    text = json.dumps(results, indent=2)
    print(text)
    if args.json:
        args.json.write_text(text + "\n")
    return results


if __name__ == "__main__":
    main()
