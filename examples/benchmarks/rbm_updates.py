"""Updates of an RBM, 784-500: images a second beside scikit-learn and bare products.

CD-1 and persistent CD with one Gibbs step, in float32, on the same bits; ours with ten
steps a call of the graph. The ceiling is an update's six matrix products alone, in
NumPy: the chain's two, both batches' energies, and both halves of the gradient. The
sides take turns; a ratio is the median of the turns' ratios, with the lowest and the
highest.

    python examples/benchmarks/rbm_updates.py
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from sklearn.neural_network import BernoulliRBM
from turns import head, row, spread, take_turns

import keras_contrastive as kc

VISIBLE, HIDDEN = 784, 500
STEPS_PER_CALL = 10


def ours(kind, data, batch):
    """Returns a function that runs one pass of `fit` over the data."""
    keras.utils.set_random_seed(0)
    rbm, gibbs = kc.energies.RBM(VISIBLE, HIDDEN, seed=0), kc.samplers.Gibbs()
    if kind == "cd":
        model = kc.models.ContrastiveDivergence(rbm, gibbs, seed=0)
    else:
        model = kc.models.PersistentContrastiveDivergence(
            rbm, gibbs, particles=batch, seed=0
        )
    model.compile(keras.optimizers.SGD(0.05), steps_per_execution=STEPS_PER_CALL)
    batches = tf.data.Dataset.from_tensor_slices(data).batch(batch, drop_remainder=True)
    batches = batches.cache().prefetch(2)
    return lambda: model.fit(batches, verbose=0)


def scikit_learn(data, batch):
    """Returns a function that runs one pass of BernoulliRBM, which is persistent CD."""
    rbm = BernoulliRBM(HIDDEN, learning_rate=0.05, batch_size=batch, random_state=0)

    def run():
        for start in range(0, len(data), batch):
            rbm.partial_fit(data[start : start + batch])

    return run


def products(data, batch):
    """Returns a function that computes what no update can do without."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(VISIBLE, HIDDEN)).astype(np.float32)
    hidden = rng.integers(0, 2, (batch, HIDDEN)).astype(np.float32)

    def run():
        for start in range(0, len(data), batch):
            v = data[start : start + batch]
            v @ weights
            hidden @ weights.T
            v @ weights
            v @ weights
            v.T @ hidden
            v.T @ hidden

    return run


def rate_of(run, images):
    """Returns a function that runs once and returns images a second."""

    def timed():
        start = time.perf_counter()
        run()
        return images / (time.perf_counter() - start)

    return timed


def main():
    """Prints a row for each batch size and side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", default="100", help="sizes, by comma")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    data = (rng.uniform(size=(args.images, VISIBLE)) < 0.13).astype(np.float32)
    print(head("batch", "side", "images/s", "PCD's ratio to it", texts=2), flush=True)
    for batch in map(int, args.batches.split(",")):
        used = data[: args.images // batch * batch]
        runs = {
            "CD-1": ours("cd", used, batch),
            "PCD": ours("pcd", used, batch),
            "scikit-learn": scikit_learn(used, batch),
            "six products": products(used, batch),
        }
        for run in runs.values():
            run()
        rates = take_turns(
            {name: rate_of(run, len(used)) for name, run in runs.items()}, args.repeats
        )
        for name, values in rates.items():
            # scikit-learn's is persistent CD, so ours of that kind is compared.
            peer = name in ("scikit-learn", "six products")
            ratio = spread(rates["PCD"] / values, ".2f") if peer else ""
            print(row(f"{batch:,}", name, spread(values), ratio), flush=True)


if __name__ == "__main__":
    main()
