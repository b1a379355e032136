"""Langevin, Gibbs-with-gradients and AIS beside the same loops in PyTorch, in one run.

Steps x samples a second: of the samplers on a network of 128-128-1 with a swish, and of
annealed importance sampling on an RBM, 784-500, whose log Z both sides must agree on.
For Langevin dynamics there is torchebm's sampler too, where it is installed. The sides
take turns, those of a sampler one after the other, so that what else the machine does
weighs on all; a ratio is the median of the turns' ratios, with the lowest and the
highest.

    python examples/benchmarks/sampler_throughput.py --peer_python PYTHON
"""

import argparse
import os
import pathlib
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from turns import Peer, head, row, spread, take_turns

import keras_contrastive as kc

HERE = pathlib.Path(__file__).parent
SAMPLERS = ("langevin", "gibbs_with_gradients")
RBM_UNITS = 784, 500
# How far apart estimates of log Z may be, each with an error of less than a tenth.
NATS = 1.0


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


def annealing(kernel, chains, temperatures):
    """Returns a function that estimates log Z of an RBM without biases."""
    rbm = kc.energies.RBM(*kernel.shape)
    rbm.kernel.assign(kernel)

    def estimate():
        result = kc.evaluation.ais_log_partition(
            rbm, chains, temperatures, reverse=False, progress=False
        )
        return result.log_z

    return estimate


def compare(args, peer, kernel):
    """Returns sampler -> side -> rates, a turn each."""
    runs = walks(args.batch_size, args.steps, jit_compile=args.jit_compile)
    moves = dict.fromkeys(runs, args.batch_size * args.steps)
    runs["ais"] = annealing(kernel, args.chains, args.temperatures)
    moves["ais"] = args.chains * args.temperatures
    found, results = [], {}
    for name, run in runs.items():
        run()

        def ours(name=name, run=run):
            start = time.perf_counter()
            value = run()
            if name == "ais":
                found.append(value)
            return moves[name] / (time.perf_counter() - start)

        sides = {"keras_contrastive": ours}
        for side in peer.settings["samplers"][name] if peer else []:

            def theirs(name=name, side=side):
                answer = peer.ask([name, side])
                if name == "ais":
                    found.append(answer["log_z"])
                return moves[name] / answer["seconds"]

            sides[side] = theirs
        results[name] = take_turns(sides, args.repeats)
    apart = max(found) - min(found)
    if apart > NATS:
        raise RuntimeError(f"The sides' estimates of log Z are {apart:.2f} nats apart.")
    return results


def main(arguments=None):
    """Runs the comparison, prints a table and returns what is in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer_python", help="python of the peer's environment")
    parser.add_argument("--peer_threads", type=int, help="its default if not given")
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--chains", type=int, default=100, help="of AIS")
    parser.add_argument("--temperatures", type=int, default=2000, help="of AIS")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--jit_compile", action="store_true", help="XLA, our side")
    args = parser.parse_args(arguments)
    random = np.random.default_rng(0)
    kernel = random.normal(0, 0.05, RBM_UNITS).astype(np.float32)
    peer = None
    with tempfile.TemporaryDirectory() as folder:
        if args.peer_python:
            file = pathlib.Path(folder) / "kernel.npy"
            np.save(file, kernel)
            command = [args.peer_python, str(HERE / "peers" / "torch_samplers.py")]
            for name in ("batch_size", "steps", "chains", "temperatures"):
                command += [f"--{name}", str(getattr(args, name))]
            command += ["--rbm", str(file)]
            if args.peer_threads:
                command += ["--threads", str(args.peer_threads)]
            peer = Peer(command)
        results = compare(args, peer, kernel)
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
