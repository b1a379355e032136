"""What a step does beside its net, by replicas and batch: gather, loss, queue, bank.

    python examples/benchmarks/scaling_parts.py

Replicas are logical devices of this machine's CPU, which share its cores: they show how
work grows with their number, and not how it is shared out. Times are medians.
"""

import argparse
import os
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

import keras_contrastive as kc

DIM, QUEUE, BANK, NEGATIVES = 128, 65_536, 1_280_000, 4096


def strategy_of(replicas):
    """Returns a strategy over logical devices."""
    if replicas == 1:
        return tf.distribute.OneDeviceStrategy("CPU:0")
    return kc.distribute.strategy(
        "mirrored", devices=[f"CPU:{i}" for i in range(replicas)]
    )


def median(function, repeats):
    """Returns the median milliseconds of a call."""
    taken = []
    for repeat in range(-3, repeats):
        start = time.perf_counter()
        function(repeat)
        if repeat >= 0:
            taken.append(1e3 * (time.perf_counter() - start))
    return float(np.median(taken))


def operations(strategy, batch):
    """Returns what a step does beside its net, each a function on one replica's rows.

    Args:
        strategy: Of the replicas.
        batch: Rows over all of them.
    """
    own = batch // strategy.num_replicas_in_sync
    with strategy.scope():
        queue = kc.memory.FeatureQueue(QUEUE, DIM)
        bank = kc.memory.MemoryBank(BANK, DIM, seed=0)
    rows = tf.constant(np.random.default_rng(0).normal(size=(own, DIM)), "float32")
    numbers = np.random.default_rng(1).integers(0, BANK, own)
    ids = tf.constant(numbers, tf.int64)

    def gather(x):
        return tf.reduce_sum(kc.distribute.all_gather(rows + x))

    def nt_xent(x):
        z = rows + x
        with tf.GradientTape() as tape:
            tape.watch(z)
            everyone = kc.distribute.all_gather(z)
            start = kc.distribute.replica_index() * own
            logits = tf.matmul(z, everyone, transpose_b=True)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
                start + tf.range(own), logits
            )
        return tf.reduce_sum(tape.gradient(loss, z))

    def info_nce(x):
        keys, valid = queue.keys, queue.valid
        return tf.reduce_sum(kc.losses.info_nce(rows + x, rows, keys, 0.2, valid=valid))

    def enqueue(x):
        queue.enqueue(kc.distribute.all_gather(rows + x))
        return x

    def bank_update(x):
        gathered = kc.distribute.all_gather
        bank.update(gathered(ids), gathered(rows + x))
        return x

    def bank_sample(x):
        seed = tf.stack([tf.constant(0, tf.int64), tf.cast(x, tf.int64)])
        drawn = bank.sample(NEGATIVES, kc.distribute.all_gather(ids), seed)
        return tf.reduce_sum(drawn[1])

    return [gather, nt_xent, info_nce, enqueue, bank_update, bank_sample]


def parts(replicas, batches, repeats):
    """Prints the operations' times by batch, for one number of replicas."""
    rows = {}
    strategy = strategy_of(replicas)
    for batch in batches:
        for operation in operations(strategy, batch):
            run = tf.function(lambda x, f=operation: strategy.run(f, args=(x,)))

            def call(repeat, run=run):
                result = run(tf.constant(float(max(repeat, 0))))
                for value in strategy.experimental_local_results(result):
                    value.numpy()

            rows.setdefault(operation.__name__, []).append(median(call, repeats))
    heads = [f"R={replicas}, B={batch}" for batch in batches]
    print(f"| ms | {' | '.join(heads)} |\n| --- |" + " ---: |" * len(heads))
    for name, values in rows.items():
        print(
            f"| {name} | " + " | ".join(f"{x:.2f}" for x in values) + " |", flush=True
        )


def each(replicas, batch, steps):
    """Runs `parts` for each number of replicas, in a process of its own."""
    for count in replicas:
        flags = [f"--replicas={count}", f"--batch={batch}", f"--steps={steps}"]
        subprocess.run([sys.executable, __file__, *flags], check=True)


def main():
    """Prints a table for each number of replicas."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 2, 4])
    args = parser.parse_args()
    if len(args.replicas) > 1:
        # In processes of their own: the collectives of two strategies collide.
        each(args.replicas, args.batch, args.steps)
        return
    cpu = tf.config.list_physical_devices("CPU")[0]
    several = [tf.config.LogicalDeviceConfiguration()] * args.replicas[0]
    tf.config.set_logical_device_configuration(cpu, several)
    parts(args.replicas[0], [args.batch, 4 * args.batch], args.steps)


if __name__ == "__main__":
    main()
