"""What `fit` waits for between two epochs over a finite dataset.

    python examples/benchmarks/between_epochs.py

Persistent CD of an RBM, 784-500, ten steps a call, on batches that are cast and fetched
ahead with `AUTOTUNE`, as many users write it: as `fit` takes such a dataset, and with
options that tell tf.data to tune it, as it does by itself. Both sides take turns of
some epochs. A wait is the time from an epoch's last step to the first of the next; a
cell is a mean with the lowest and the highest, as few waits are long.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from rbm_updates import RATE, STEPS_PER_CALL, VISIBLE, pcd
from turns import head, row

BATCH = 100


class Waits(keras.callbacks.Callback):
    """Notes how long epochs take, and what lies between their steps."""

    def __init__(self):
        super().__init__()
        self.seconds, self.waits, self.last = [], [], None

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self.start = time.perf_counter()

    def on_train_batch_begin(self, batch, logs=None):
        """Notes what has passed since the last epoch's end."""
        if batch == 0 and self.last is not None:
            self.waits.append(1e3 * (time.perf_counter() - self.last))

    def on_train_batch_end(self, batch, logs=None):
        """Remembers when the step was done."""
        self.last = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Stops the clock."""
        self.seconds.append(time.perf_counter() - self.start)


def mean(values, form):
    """Returns "mean (lowest to highest)" of numbers."""
    cells = (format(x, form) for x in (np.mean(values), min(values), max(values)))
    return "{} ({} to {})".format(*cells)


def dataset_of(images):
    """Returns batches as many users write them."""
    bits = np.random.default_rng(0).uniform(size=(images, VISIBLE)) < 0.13
    dataset = tf.data.Dataset.from_tensor_slices(bits)
    dataset = dataset.batch(BATCH, drop_remainder=True)
    dataset = dataset.map(lambda x: tf.cast(x, tf.float32), tf.data.AUTOTUNE)
    return dataset.prefetch(tf.data.AUTOTUNE)


def main(arguments=None):
    """Prints a row for each side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", default="10000,60000", help="of an epoch, by comma")
    parser.add_argument("--epochs", type=int, default=6, help="of a turn")
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args(arguments)
    print(head("images", "side", "wait, ms", "epoch, s", texts=2), flush=True)
    for images in map(int, args.images.split(",")):
        dataset = dataset_of(images)
        options = tf.data.Options()
        options.autotune.enabled = True
        sides = {"as it is": dataset, "tuned": dataset.with_options(options)}
        model = pcd(BATCH)
        model.compile(keras.optimizers.SGD(RATE), steps_per_execution=STEPS_PER_CALL)
        model.fit(dataset, verbose=0)
        found = {name: ([], []) for name in sides}
        for _ in range(args.turns):
            for name, side in sides.items():
                waits = Waits()
                model.fit(side, epochs=args.epochs, callbacks=[waits], verbose=0)
                found[name][0].extend(waits.waits)
                found[name][1].extend(waits.seconds)
        for name, (waits, seconds) in found.items():
            cells = mean(waits, ",.0f"), mean(seconds, ".2f")
            print(row(f"{images:,}", name, *cells), flush=True)


if __name__ == "__main__":
    main()
