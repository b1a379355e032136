"""Langevin and Gibbs-with-gradients beside the same loops in PyTorch, in one run.

On a network of 128-128-1 with a swish, steps x samples a second. For Langevin dynamics
there is torchebm's sampler too, where it is installed. The sides take turns, those of
a sampler one after the other, so that what else the machine does weighs on all; a
ratio is the median of the turns' ratios, with the lowest and the highest.

    python examples/benchmarks/sampler_throughput.py --peer_python PYTHON
"""

import argparse
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from turns import Peer, head, row, spread, take_turns

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


def compare(args, peer):
    """Returns sampler -> side -> rates, a turn each."""
    moves, results = args.batch_size * args.steps, {}
    for name, walk in walks(
        args.batch_size, args.steps, jit_compile=args.jit_compile
    ).items():
        walk()

        def ours(walk=walk):
            start = time.perf_counter()
            walk()
            return moves / (time.perf_counter() - start)

        sides = {"keras_contrastive": ours}
        for side in peer.settings["samplers"][name] if peer else []:

            def theirs(name=name, side=side):
                return moves / peer.ask([name, side])["seconds"]

            sides[side] = theirs
        results[name] = take_turns(sides, args.repeats)
    return results


def main(arguments=None):
    """Runs the comparison, prints a table and returns what is in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer_python", help="python of the peer's environment")
    parser.add_argument("--peer_threads", type=int, help="its default if not given")
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--jit_compile", action="store_true", help="XLA, our side")
    args = parser.parse_args(arguments)
    peer = None
    if args.peer_python:
        command = [args.peer_python, str(HERE / "peers" / "torch_samplers.py")]
        command += ["--batch_size", str(args.batch_size), "--steps", str(args.steps)]
        if args.peer_threads:
            command += ["--threads", str(args.peer_threads)]
        peer = Peer(command)
    results = compare(args, peer)
    print(head("sampler", "side", "steps x samples/s", "our ratio to it", texts=2))
    for name, rates in results.items():
        ours = rates["keras_contrastive"]
        for side, values in rates.items():
            ratio = "" if values is ours else spread(ours / values, ".2f")
            print(row(name, side, spread(values), ratio))
    if peer:
        peer.close()
    return results


if __name__ == "__main__":
    main()
