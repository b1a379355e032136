"""kNN with a bank of ImageNet's size: seconds, and memory beside the arguments.

python examples/benchmarks/knn_large.py
"""

import argparse
import json
import os
import resource
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

import keras_contrastive as kc


def peak():
    """Returns the process's highest memory so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def bank_of(rows, dim, classes, rng):
    """Returns features around a centre a class, float16, and their labels."""
    centres = rng.normal(size=(classes, dim)).astype(np.float32)
    labels = np.arange(rows) % classes
    bank = np.empty((rows, dim), np.float16)
    for start in range(0, rows, 8192):
        part = slice(start, start + 8192)
        noise = rng.standard_normal((len(labels[part]), dim), np.float32)
        bank[part] = centres[labels[part]] + 3 * noise
    return bank, labels


def main():
    """Measures, and prints a row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_281_167)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--queries", type=int, default=1000)
    args = parser.parse_args()
    bank, labels = bank_of(args.rows, args.dim, args.classes, np.random.default_rng(0))
    queries = bank[: args.queries].astype(np.float32)
    queries += np.random.default_rng(1).standard_normal(queries.shape, np.float32)
    few = (bank[:2000], labels[:2000])
    kc.evaluation.knn_accuracy(*few, queries[:10], labels[:10])
    before, start = peak(), time.perf_counter()
    accuracy = kc.evaluation.knn_accuracy(bank, labels, queries, labels[: args.queries])
    row = {
        "rows": args.rows,
        "dim": args.dim,
        "queries": args.queries,
        "seconds": round(time.perf_counter() - start, 1),
        "bank_gib": round(bank.nbytes / 2**30, 2),
        "extra_gib": round(peak() - before, 2),
        "accuracy": accuracy,
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
