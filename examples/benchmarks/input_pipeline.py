"""What is left of the bare step's speed when the input pipeline feeds it.

    python examples/benchmarks/input_pipeline.py

SimCLR's step three ways: on views that are ready in memory, fed by `kc.data.views`
(JPEG files' bytes decoded once, then shuffled, batched and augmented twice), and fed by
a tf.data pipeline of stock keras-cv layers that does the same. The step is the one
that `fit` runs. The images are synthetic JPEGs: what augmentation costs does not hang
on what is in them.

The three take turns. A pipeline's buffers are full when its turn begins, and it fills
them again meanwhile; the first turn of each is left out. A ratio is the median of the
turns' ratios to the bare step, with the lowest and the highest.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from augmentation import stock
from turns import head, row, spread, take_turns

import keras_contrastive as kc

# Name -> net, side of the images in pixels, images in a batch, steps of a turn.
CASES = {
    "convnet_32": ("convnet", 32, 256, 15),
    "resnet18_32": ("resnet18", 32, 64, 2),
    "resnet50_96": ("resnet50", 96, 32, 2),
    "resnet50_224": ("resnet50", 224, 16, 1),
}
BARE, OURS, STOCK = "bare step", "kc.data.views", "stock keras-cv"


def encoded(count, side):
    """Returns a dataset of JPEG bytes, of noise on a coarse grid."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 4, 4, 3))
    images = tf.cast(tf.image.resize(coarse, (side, side)), tf.uint8)
    return tf.data.Dataset.from_tensor_slices(
        tf.map_fn(tf.io.encode_jpeg, images, fn_output_signature=tf.string)
    )


def ours(jpegs, side, batch):
    """Returns the library's pipeline, endless."""

    def decode(jpeg):
        return {"image": tf.ensure_shape(tf.io.decode_jpeg(jpeg), (side, side, 3))}

    policy = kc.augment.simclr(side, strength=0.5, blur=side > 32)
    return kc.data.views(jpegs.map(decode), policy, batch, repeat=True)


def stock_pipeline(jpegs, side, batch):
    """Returns the pipeline that a user would write around keras-cv, endless."""
    chain = stock(side, blur=side > 32)

    def decode(jpeg):
        return tf.ensure_shape(tf.io.decode_jpeg(jpeg), (side, side, 3))

    def view(images):
        images = tf.cast(images, tf.float32) / 255
        for layer in chain:
            images = layer(images, training=True)
        return images

    def pair(images):
        return {"views": (view(images), view(images))}

    images = jpegs.map(decode, tf.data.AUTOTUNE).cache().shuffle(len(jpegs)).repeat()
    return images.batch(batch).map(pair, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def sides_of(net, side, batch, steps, images):
    """Returns name -> a function that runs a turn and returns images a second."""
    encoder = kc.encoders.create(net, (side, side, 3))
    model = kc.models.SimCLR(encoder, temperature=0.5, hidden_dim=256, seed=0)
    model.compile(kc.optimizers.SGD(0.06, momentum=0.9, weight_decay=5e-4))
    views = tuple(tf.random.uniform([batch, side, side, 3]) for _ in range(2))
    jpegs = encoded(images, side)
    pipelines = {
        BARE: tf.data.Dataset.from_tensors({"views": views}).repeat(),
        OURS: ours(jpegs, side, batch),
        STOCK: stock_pipeline(jpegs, side, batch),
    }
    model.fit(pipelines[BARE], steps_per_epoch=1, verbose=0)

    def side_of(batches):
        def run():
            start = time.perf_counter()
            for _ in range(steps):
                model.train_function(batches)["loss"].numpy()
            return steps * batch / (time.perf_counter() - start)

        return run

    return {name: side_of(iter(data)) for name, data in pipelines.items()}


def main(arguments=None):
    """Prints a row for each case and pipeline."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--batch_size", type=int, help="instead of each case's own")
    args = parser.parse_args(arguments)
    print(head("net, side", "fed by", "images/s", "ratio to the bare step", texts=2))
    for name in args.cases.split(","):
        keras.backend.clear_session()
        net, side, batch, steps = CASES[name]
        sides = sides_of(net, side, args.batch_size or batch, steps, args.images)
        rates = {k: v[1:] for k, v in take_turns(sides, args.turns + 1).items()}
        for fed, values in rates.items():
            ratio = spread(values / rates[BARE], ".2f") if fed != BARE else ""
            cells = f"{net}, {side} px", fed, spread(values, ",.1f"), ratio
            print(row(*cells), flush=True)


if __name__ == "__main__":
    main()
