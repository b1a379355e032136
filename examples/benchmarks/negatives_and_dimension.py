"""Does a larger embedding need more negatives? kNN against queue and dimension.

MoCo on 10,000 images of CIFAR-10 with one small net; the negatives of a query are
exactly the queue. Accuracy is on 5,000 other images of the training split.

    python examples/benchmarks/negatives_and_dimension.py --data_dir DIR
"""

import argparse
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import keras_contrastive as kc
from keras_contrastive.plots.figure import new_figure, save

BATCH = 64


def accuracy(images, held_out, negatives, dim, epochs, seed):
    """Trains once; returns kNN accuracy in per cent."""
    keras.utils.set_random_seed(seed)
    encoder = kc.encoders.create("convnet", (32, 32, 3))
    policy = kc.augment.simclr(32, strength=0.5, blur=False)
    batches = kc.data.views(images, policy, BATCH, seed)
    model = kc.models.MoCo(
        encoder,
        projection_dim=dim,
        queue_size=negatives,
        momentum=0.99,
        batch_norm_groups=2,
        seed=seed,
    )
    schedule = kc.optimizers.warmup_cosine(0.06, 256, len(batches), epochs, 0)
    model.compile(kc.optimizers.SGD(schedule, momentum=0.9, weight_decay=5e-4))
    model.fit(batches, epochs=epochs, verbose=0)
    bank, labels = kc.evaluation.extract_features(encoder, images)
    queries, answers = kc.evaluation.extract_features(encoder, held_out)
    return 100 * kc.evaluation.knn_accuracy(bank, labels, queries, answers)


def draw(table, sizes, dims, path):
    """Writes the curves: a line a dimension."""
    figure = new_figure(6, 4)
    ax = figure.subplots()
    for dim in dims:
        rows = np.array([table[f"{size}x{dim}"] for size in sizes])
        mean, spread = rows.mean(1), rows.std(1)
        ax.errorbar(sizes, mean, spread, marker="o", capsize=3, label=f"{dim}")
    ax.set_xscale("log", base=2)
    ax.set_xlabel("negatives (keys in the queue)")
    ax.set_ylabel("kNN accuracy, %")
    ax.legend(title="embedding dimension")
    ax.grid(color="0.9")
    save(figure, path)


def main():
    """Runs the grid, prints each cell and draws it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder of tfds datasets")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--negatives", type=int, nargs="+", default=[64, 512, 4096])
    parser.add_argument("--dims", type=int, nargs="+", default=[4, 16, 128])
    parser.add_argument("--plot", default="negatives_and_dimension.png")
    args = parser.parse_args()
    images = kc.data.load("cifar10", "train[:20%]", args.data_dir)
    held_out = kc.data.load("cifar10", "train[90%:]", args.data_dir)
    table = {}
    for dim in args.dims:
        for size in args.negatives:
            cells = [
                round(accuracy(images, held_out, size, dim, args.epochs, seed), 1)
                for seed in range(args.seeds)
            ]
            table[f"{size}x{dim}"] = cells
            print(f"{size} negatives, dimension {dim}: {cells}", flush=True)
    print(json.dumps(table))
    draw(table, args.negatives, args.dims, args.plot)


if __name__ == "__main__":
    main()
