"""Images a second of the augmentation alone, beside stock keras-cv layers.

    python examples/benchmarks/augmentation.py

Batches of uint8 images in memory go through each policy in a tf.data pipeline as
`kc.data.views` has it, one view an image. keras-cv's chain is its own layers for the
same steps. The pipelines take turns; medians and the lowest and highest turn.
"""

import argparse
import os
import time
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras_cv
import numpy as np
import tensorflow as tf
from turns import head, row, spread, take_turns

import keras_contrastive as kc


def stock(side, blur):
    """Returns SimCLR's CIFAR policy out of keras-cv's own layers."""
    layers = keras_cv.layers
    chain = [
        layers.RandomCropAndResize((side, side), (0.08, 1.0), (3 / 4, 4 / 3)),
        layers.RandomFlip(),
        layers.RandomColorJitter((0, 1), 0.4, 0.4, 0.4, 0.1),
        layers.RandomApply(layers.Grayscale(output_channels=3), rate=0.2),
    ]
    if blur:
        kernel = max(3, side // 10 | 1)
        chain.append(layers.RandomApply(layers.RandomGaussianBlur(kernel, 2.0), 0.5))
    return chain


def pipelines(side, blur, batch):
    """Returns the two pipelines, endless: ours and keras-cv's."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, batch, side, side, 3)).astype(np.uint8)
    data = tf.data.Dataset.from_tensor_slices(images).repeat()
    policy = kc.augment.simclr(side, strength=0.5, blur=blur)
    seeds = tf.data.Dataset.counter().map(lambda n: tf.stack([n, n]))
    ours = tf.data.Dataset.zip(data, seeds).map(
        lambda x, seed: policy(x, seed=seed), tf.data.AUTOTUNE
    )
    chain = stock(side, blur)

    def theirs(x):
        x = tf.cast(x, tf.float32) / 255
        for layer in chain:
            x = layer(x, training=True)
        return x

    theirs = data.map(theirs, tf.data.AUTOTUNE)
    return {"keras_contrastive": ours, "keras-cv": theirs}


def rate(iterator, batch, seconds):
    """Returns images a second over a turn of about `seconds`."""
    next(iterator)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        next(iterator)
        count += batch
    return count / (time.perf_counter() - start)


def main():
    """Prints a row for each side and chain, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", default="32,96")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a turn")
    args = parser.parse_args()
    columns = "chain", "keras_contrastive, images/s", "keras-cv, images/s", "ratio"
    print(head(*columns), flush=True)
    for side in map(int, args.sides.split(",")):
        for blur in (False, True):
            both = pipelines(side, blur, args.batch)
            sides = {
                name: partial(rate, iter(data), args.batch, args.seconds)
                for name, data in both.items()
            }
            rates = take_turns(sides, args.turns)
            ours, theirs = rates.values()
            chain = f"{side} px, {'with' if blur else 'without'} blur"
            cells = spread(ours), spread(theirs), spread(ours / theirs, ".2f")
            print(row(chain, *cells), flush=True)


if __name__ == "__main__":
    main()
