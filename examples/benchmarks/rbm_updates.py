"""Updates of an RBM, 784-500: images a second beside scikit-learn and bare products.

CD-1 and persistent CD with one Gibbs step, in float32, on the same bits; ours with ten
steps a call of the graph. "By hand" is persistent CD in TensorFlow's operations alone,
without a check, a metric or an optimizer. The ceiling is an update's six matrix
products, in NumPy: the chain's two, both batches' energies, and both halves of the
gradient. The sides take turns; a ratio is the median of the turns' ratios, with the
lowest and the highest.

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
RATE = 0.05


def batches_of(data, batch):
    """Returns the batches, ready in memory."""
    batches = tf.data.Dataset.from_tensor_slices(data).batch(batch, drop_remainder=True)
    options = tf.data.Options()
    # An iterator's end waits for the thread that tunes, here half as long as a pass.
    options.autotune.enabled = False
    return batches.cache().prefetch(2).with_options(options)


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
    model.compile(keras.optimizers.SGD(RATE), steps_per_execution=STEPS_PER_CALL)
    batches = batches_of(data, batch)
    return lambda: model.fit(batches, verbose=0)


def by_hand(data, batch):
    """Returns a function that runs one pass of persistent CD without the library."""
    random = np.random.default_rng(0)
    kernel = tf.Variable(random.normal(0, 0.01, (VISIBLE, HIDDEN)).astype(np.float32))
    visible, hidden = tf.Variable(tf.zeros(VISIBLE)), tf.Variable(tf.zeros(HIDDEN))
    coins = random.integers(0, 2, (batch, VISIBLE)).astype(np.float32)
    particles, count = tf.Variable(coins), tf.Variable(0)
    signs = tf.repeat([1 / batch, -1 / batch], [batch, batch])

    def bits(logits, stream):
        draw = tf.random.stateless_uniform(tf.shape(logits), [count, stream])
        return tf.cast(draw < tf.sigmoid(logits), tf.float32)

    def update(v):
        h = bits(hidden + particles @ kernel, 0)
        x = bits(visible + tf.matmul(h, kernel, transpose_b=True), 1)
        both = tf.concat([v, x], axis=0)
        logits = hidden + both @ kernel
        softplus = tf.reduce_sum(tf.nn.softplus(logits), axis=1)
        energies = -tf.linalg.matvec(both, visible) - softplus
        # Up the data's probability, which is down its energy.
        rise = tf.sigmoid(logits) * signs[:, None]
        kernel.assign_add(RATE * tf.matmul(both, rise, transpose_a=True))
        visible.assign_add(RATE * tf.linalg.matvec(both, signs, transpose_a=True))
        hidden.assign_add(RATE * tf.reduce_sum(rise, axis=0))
        particles.assign(x)
        count.assign_add(1)
        return tf.reduce_sum(signs * energies)

    @tf.function
    def updates(batches, steps):
        loss = 0.0
        for _ in tf.range(steps):
            loss += update(next(batches))
        return loss

    batches = batches_of(data, batch)

    def run():
        left, steps = iter(batches), len(data) // batch
        for taken in range(0, steps, STEPS_PER_CALL):
            updates(left, tf.constant(min(STEPS_PER_CALL, steps - taken)))

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
