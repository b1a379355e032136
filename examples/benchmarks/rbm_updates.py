"""Updates of an RBM, 784-500: images a second beside scikit-learn and bare products.

CD-1 and persistent CD with one Gibbs step, in float32, on the same bits; ours with ten
steps a call of the graph, in passes over as many images as MNIST has. "By hand" is
persistent CD in TensorFlow's operations alone, of `energies_by_hand.py`, without a
pipeline, a check, a metric or an optimizer. The ceiling is an update's six matrix
products, in NumPy: the chain's two, both batches' energies, and both halves of the
gradient. The sides take turns; a ratio is the median of the turns' ratios, with the
lowest and the highest.

    python examples/benchmarks/rbm_updates.py
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import energies_by_hand
import keras
import numpy as np
import tensorflow as tf
from sklearn.neural_network import BernoulliRBM
from steps_by_hand import compiled, in_a_loop
from turns import head, row, spread, take_turns

import keras_contrastive as kc

VISIBLE, HIDDEN = 784, 500
STEPS_PER_CALL = 10
RATE = energies_by_hand.RATES["sgd"]


def batches_of(data, batch):
    """Returns the batches, ready in memory."""
    batches = tf.data.Dataset.from_tensor_slices(data).batch(batch, drop_remainder=True)
    return batches.cache().prefetch(2)


def pcd(batch):
    """Returns persistent CD with a particle for each point of a batch."""
    rbm, gibbs = kc.energies.RBM(VISIBLE, HIDDEN, seed=0), kc.samplers.Gibbs()
    return kc.models.PersistentContrastiveDivergence(
        rbm, gibbs, particles=batch, seed=0
    )


def ours(kind, data, batch):
    """Returns a function that runs one pass of `fit` over the data."""
    keras.utils.set_random_seed(0)
    model = pcd(batch)
    if kind == "cd":
        gibbs = kc.samplers.Gibbs()
        model = kc.models.ContrastiveDivergence(model.energy, gibbs, seed=0)
    model.compile(keras.optimizers.SGD(RATE), steps_per_execution=STEPS_PER_CALL)
    batches = batches_of(data, batch)
    return lambda: model.fit(batches, verbose=0)


def by_hand(data, batch):
    """Returns a function that takes as many steps of persistent CD by hand."""
    model = pcd(batch)
    parts = energies_by_hand.rbm_pcd(model, tf.constant(data[:batch]))
    loop, steps = in_a_loop(compiled(model, parts)), len(data) // batch

    def run():
        for taken in range(0, steps, STEPS_PER_CALL):
            loop(tf.constant(min(STEPS_PER_CALL, steps - taken)))

    return run


def scikit_learn(data, batch):
    """Returns a function that runs one pass of BernoulliRBM, which is persistent CD."""
    rbm = BernoulliRBM(HIDDEN, learning_rate=RATE, batch_size=batch, random_state=0)

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
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    data = (rng.uniform(size=(args.images, VISIBLE)) < 0.13).astype(np.float32)
    print(head("batch", "side", "images/s", "PCD's ratio to it", texts=2), flush=True)
    for batch in map(int, args.batches.split(",")):
        used = data[: args.images // batch * batch]
        runs = {
            "CD-1": ours("cd", used, batch),
            "PCD": ours("pcd", used, batch),
            "PCD by hand": by_hand(used, batch),
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
            peer = name not in ("CD-1", "PCD")
            ratio = spread(rates["PCD"] / values, ".2f") if peer else ""
            print(row(f"{batch:,}", name, spread(values), ratio), flush=True)


if __name__ == "__main__":
    main()
