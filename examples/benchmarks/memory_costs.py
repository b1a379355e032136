"""What a step pays for its memory: milliseconds an operation, by the memory's size.

    python examples/benchmarks/memory_costs.py

Each operation is a `tf.function` of its own and touches other rows each time, as in
training. The time is the median of the repeats, sizes and operations taking turns, so
that what else the machine does falls on all of them alike. InfoNCE over the queue is
there for comparison: it reads every key, and is linear in their number.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

import keras_contrastive as kc

DIM, BATCH, NEGATIVES = 128, 256, 4096


def memory_bank(size, jit_compile):
    """Returns the operations of a bank, each a function of a step's number."""
    bank = kc.memory.MemoryBank(size, DIM, seed=0)
    features = tf.constant(
        np.random.default_rng(0).normal(size=(BATCH, DIM)), "float32"
    )
    rng = np.random.default_rng(1)
    ids = tf.constant(rng.integers(0, size, (64, BATCH)))

    def update(step):
        bank.update(tf.gather(ids, step % 64), features)
        return step

    def lookup(step):
        return bank.lookup(tf.gather(ids, step % 64))

    def sample(step):
        seed = tf.stack([tf.constant(0, tf.int64), step])
        return bank.sample(NEGATIVES, exclude=tf.gather(ids, step % 64), seed=seed)[1]

    return {
        f.__name__: tf.function(f, jit_compile=jit_compile)
        for f in (update, lookup, sample)
    }


def feature_queue(size, jit_compile):
    """Returns the operations of a queue, and of the loss that reads all of it."""
    queue = kc.memory.FeatureQueue(size, DIM)
    rng = np.random.default_rng(0)
    rows = tf.constant(rng.normal(size=(64, BATCH, DIM)), "float32")

    def enqueue(step):
        queue.enqueue(tf.gather(rows, step % 64))
        return step

    def info_nce(step):
        query = tf.gather(rows, step % 64)
        keys, valid = queue.keys, queue.valid
        return kc.losses.info_nce(query, query, keys, 0.2, valid=valid)

    return {
        f.__name__: tf.function(f, jit_compile=jit_compile) for f in (enqueue, info_nce)
    }


# Name -> sizes, and a function from a size to the operations.
MEMORIES = {
    "feature queue": ((4_096, 65_536, 1_048_576), feature_queue),
    "memory bank": ((10_000, 100_000, 1_280_000), memory_bank),
}


def measure(memory, repeats, jit_compile=False):
    """Returns operation -> size -> median milliseconds."""
    sizes, make = MEMORIES[memory]
    operations = {size: make(size, jit_compile) for size in sizes}
    names = list(operations[sizes[0]])
    taken = {name: {size: [] for size in sizes} for name in names}
    for step in range(-3, repeats):
        number = tf.constant(step % 2**20, tf.int64)
        # Who goes first finds the caches full of what was there before.
        first = step % len(sizes)
        for name in names:
            for size in (*sizes[first:], *sizes[:first]):
                start = time.perf_counter()
                operations[size][name](number).numpy()
                if step >= 0:
                    taken[name][size].append(1e3 * (time.perf_counter() - start))
    return {
        name: {size: float(np.median(times)) for size, times in row.items()}
        for name, row in taken.items()
    }


def table(memory, costs):
    """Returns a row an operation, a column a size, in Markdown."""
    sizes = MEMORIES[memory][0]
    lines = [
        f"| {memory}, ms | " + " | ".join(f"{size:,}" for size in sizes) + " | ratio |",
        "| --- |" + " ---: |" * (len(sizes) + 1),
    ]
    for name, row in costs.items():
        times = [row[size] for size in sizes]
        cells = [f"{x:.2f}" for x in times] + [f"{max(times) / min(times):.2f}"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--jit_compile", action="store_true", help="compile with XLA")
    arguments = parser.parse_args()
    for memory in MEMORIES:
        costs = measure(memory, arguments.repeats, arguments.jit_compile)
        print(table(memory, costs), flush=True)
