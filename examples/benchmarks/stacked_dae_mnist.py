"""A stack of three denoising autoencoders on MNIST, beside the same net without.

The stack is pretrained once on 50,000 training images without their labels; then, with
100, 1,000 and all labels, it is fine-tuned, and so is a net of the same start that was
not pretrained. The settings, and with all labels the epoch, were chosen on 10,000
validation images, which are the last of the training split; `--split test` then reads
the test images once.

    python examples/benchmarks/stacked_dae_mnist.py --data_dir DIR --split test
"""

import argparse
import json
import os
import pathlib
import time
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import keras_contrastive as kc


class Budget(NamedTuple):
    """Labels of a class, None for all, and the SGD of the fine-tuning.

    From a random start the higher rate leaves a net of sigmoids at chance.
    """

    each: int | None
    epochs: int
    batch: int
    rate: float
    random_rate: float
    momentum: float


BUDGETS = {
    "100": Budget(10, 210, 10, 0.1, 0.1, 0.0),
    "1000": Budget(100, 60, 10, 0.1, 0.1, 0.0),
    "all": Budget(None, 20, 100, 0.5, 0.1, 0.9),
}


def images_of(split, data_dir):
    """Returns images `(n, 784)` in [0, 1] and their labels."""
    data = kc.data.load("mnist", split, data_dir)
    batch = next(iter(data.batch(int(data.cardinality()))))
    images = batch["image"].numpy().reshape(-1, 784).astype(np.float32) / 255
    return images, batch["label"].numpy()


def copy_of(stack):
    """Returns a net of the same weights that trains by itself."""
    copy = keras.models.clone_model(stack)
    copy.set_weights(stack.get_weights())
    return copy


def error(classifier, images, labels):
    """Returns the share of wrong classes, in per cent."""
    found = classifier.predict(images, batch_size=1000, verbose=0).argmax(axis=1)
    return round(100 * float((found != labels).mean()), 2)


def main():
    """Prints a row for each number of labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder of tfds datasets")
    parser.add_argument("--split", default="validation", choices=["validation", "test"])
    parser.add_argument("--budgets", default=",".join(BUDGETS))
    parser.add_argument("--units", default="1000,1000,1000")
    parser.add_argument(
        "--rates", default="0.25,0.25,0.25", help="of masking, by layer"
    )
    parser.add_argument("--epochs", type=int, default=20, help="of each layer")
    parser.add_argument("--rate", type=float, default=0.05, help="of pretraining")
    parser.add_argument("--momentum", type=float, default=0.9, help="of pretraining")
    parser.add_argument("--images", type=int, default=50_000, help="to train on")
    parser.add_argument("--draws", type=int, default=3, help="of few labels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stack", type=pathlib.Path, help="file, kept and looked for")
    parser.add_argument("--out", default=None, help="file of the filters' picture")
    args = parser.parse_args()
    images, labels = images_of(f"train[:{args.images}]", args.data_dir)
    validation = images_of("train[50000:]", args.data_dir)
    units = tuple(map(int, args.units.split(",")))
    masks = [kc.augment.Masking(float(rate)) for rate in args.rates.split(",")]
    begun, _ = kc.models.pretrain_stack(images, masks, units, epochs=0, seed=args.seed)
    if args.stack and args.stack.is_file():
        stack = keras.saving.load_model(args.stack)
    else:
        start = time.perf_counter()
        stack, histories = kc.models.pretrain_stack(
            images,
            masks,
            units,
            epochs=args.epochs,
            learning_rate=args.rate,
            momentum=args.momentum,
            seed=args.seed,
            verbose=2,
        )
        seconds = round(time.perf_counter() - start)
        losses = [history["loss"][-1] for history in histories]
        row = {"pretraining_seconds": seconds, "error": losses}
        print(json.dumps(row), flush=True)
        if args.stack:
            stack.save(args.stack)
    if args.out:
        kernel = stack.layers[0].kernel
        kc.plots.save(kc.plots.plot_filters(kernel, (28, 28), 100), args.out)
    held_out = validation
    if args.split == "test":
        held_out = images_of("test", args.data_dir)
    for name in args.budgets.split(","):
        budget = BUDGETS[name]
        for draw in range(args.draws if budget.each else 1):
            chosen = np.arange(len(labels))
            if budget.each:
                chosen = kc.evaluation.class_balanced_subset(
                    labels, budget.each, seed=draw
                )
            row = {"labels": name, "draw": draw, "split": args.split}
            starts = {
                "pretrained": (stack, budget.rate),
                "random start": (begun, budget.random_rate),
            }
            for kind, (net, rate) in starts.items():
                start = time.perf_counter()
                classifier, history = kc.models.fine_tune_stack(
                    copy_of(net),
                    images[chosen],
                    labels[chosen],
                    budget.epochs,
                    rate,
                    budget.momentum,
                    budget.batch,
                    validation=None if budget.each else validation,
                    seed=draw,
                )
                row[kind] = error(classifier, *held_out)
                if not budget.each:
                    best = 100 - 100 * max(history["val_accuracy"])
                    row[f"{kind}, validation"] = round(best, 2)
                row[f"{kind}, s"] = round(time.perf_counter() - start)
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
