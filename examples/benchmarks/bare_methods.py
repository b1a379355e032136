"""Every other method's train step beside the same step written by hand.

    python examples/benchmarks/bare_methods.py

As `bare_steps.py` does it for SimCLR and MoCo v2: the small net in float32, batch 256,
all that a step reads ready in memory. On the other side stands a step in plain
TensorFlow around the same Keras layers, of `steps_by_hand.py`. Settings are those of
`methods_cifar10.py`, but MoCo v3's momentum does not rise, PIRL is given turned images
and cuts its nine patches always alike. The autoencoder draws its noise in the step.

That both sides do the same arithmetic is checked: from equal weights, queues and banks
the losses of the first steps must agree. What PIRL draws makes no difference to them,
as all negatives are one vector, unless the batch's own entries are among them; the
autoencoder's noise makes a little.

The sides take turns, short ones, so that what else the machine does weighs on both. A
ratio is the median of the turns' ratios, with the lowest and the highest; above 1 the
library is the faster one.
"""

import argparse

import bare_steps
import keras
import methods_cifar10
import numpy as np
import steps_by_hand as by_hand
import tensorflow as tf
from turns import head, row, spread, take_turns

import keras_contrastive as kc

NOISE = 0.2
# Steps whose losses are compared; by what share those of the first may differ, those
# after it, which rounding has reached through the weights, and those with noise.
CHECKED, FIRST, LATER, NOISY = 3, 1e-5, 1e-3, 0.05


def cut(images):
    """Returns nine patches of each image, `(batch, 9, 8, 8, 3)`."""
    cells = tf.reshape(images[:, 1:31, 1:31], [-1, 3, 10, 3, 10, 3])
    cells = tf.transpose(cells[:, :, 1:9, :, 1:9], [0, 1, 3, 2, 4, 5])
    return tf.reshape(cells, [-1, 9, 8, 8, 3])


def moco_v3(encoder, _):
    """Returns MoCo v3 with a momentum that stays."""
    return kc.models.MoCoV3(encoder, None, 128, 512, 0.99, temperature=0.2)


def pirl(transform):
    """Returns a function that makes PIRL with a layer as its transformation."""
    return lambda encoder, _: methods_cifar10.pirl(encoder, transform=transform())


def autoencoder(encoder, _):
    """Returns an autoencoder that mends noise."""
    return methods_cifar10.autoencoder(encoder, kc.augment.GaussianNoise(NOISE))


# Name -> what makes the library's model, and the step by hand.
VIEWS = methods_cifar10.ON_VIEWS
METHODS = {
    "dcl": (VIEWS["DCL"], by_hand.dcl),
    "supcon": (VIEWS["SupCon (labels)"], by_hand.supcon),
    "siamese_triplet": (VIEWS["Siamese triplet"], by_hand.triplet),
    "nnclr": (VIEWS["NNCLR"], by_hand.nnclr),
    "moco_v3": (moco_v3, by_hand.moco_v3),
    "pirl_rotation": (pirl(keras.layers.Identity), by_hand.pirl),
    "pirl_jigsaw": (pirl(lambda: keras.layers.Lambda(cut)), by_hand.pirl),
    "dae": (autoencoder, by_hand.autoencoder),
}


def make_batch(name, size):
    """Returns what a step of a method reads."""
    views = tuple(tf.random.uniform([size, 32, 32, 3]) for _ in range(2))
    if name == "dae":
        return {"x": views[0]}
    batch = {"views": views}
    if name == "supcon":
        batch["label"] = tf.random.uniform([size], 0, 10, tf.int32)
    if name.startswith("pirl"):
        order = np.random.default_rng(0).permutation(methods_cifar10.IMAGES)
        batch["id"] = tf.constant(order[:size], tf.int64)
    return batch


def make_model(name, batch):
    """Returns a method's model, compiled, with a full memory: the same each time."""
    keras.utils.set_random_seed(0)
    model = METHODS[name][0](kc.encoders.create("convnet", (32, 32, 3)), None)
    if name == "nnclr":
        model.queue.enqueue(tf.random.normal([model.queue.size, model.queue.dim]))
    if name.startswith("pirl"):
        # One vector but for the batch's own.
        own = tf.gather(model.bank.vectors.value, batch["id"])
        model.bank.vectors.assign(tf.tile(own[:1] + own[1:2], [model.bank.size, 1]))
        model.bank.update(tf.range(model.bank.size), model.bank.vectors.value)
        model.bank.vectors.value.scatter_update(tf.IndexedSlices(own, batch["id"]))
    if name == "dae":
        model.compile(keras.optimizers.Adam(1e-3))
    else:
        settings = bare_steps.RATE, bare_steps.MOMENTUM
        decay = bare_steps.WEIGHT_DECAY
        model.compile(kc.optimizers.SGD(*settings, weight_decay=decay))
    return model


def first_losses(model, step, hand):
    """Returns the losses of the first steps on either side, a row each.

    The library's first step is taken already, and its loss is the metric's.
    """
    ours = [float(model.loss_mean.result())]
    for _ in range(CHECKED - 1):
        model.reset_metrics()
        ours.append(float(step()))
    return np.array([ours, [float(hand()) for _ in range(CHECKED)]])


def check_alike(name, losses):
    """Stops at sides that do not do the same arithmetic.

    Args:
        name: The method's.
        losses: Of the first steps, `(2, steps)`.

    Raises:
        ValueError: If they differ by more than rounding.
    """
    apart = np.abs(losses[0] / losses[1] - 1)
    first, later = (NOISY, NOISY) if name == "dae" and NOISE else (FIRST, LATER)
    if not (apart[0] < first and max(apart) < later):
        raise ValueError(
            f"{name}'s two sides must have the same losses. "
            f"Received: {losses[0]} and, by hand, {losses[1]}"
        )


def sides_of(name, size, count):
    """Returns side -> a function that runs a turn, of sides that were compared."""
    batch = make_batch(name, size)
    model, other = (make_model(name, batch) for _ in range(2))
    hand = by_hand.compiled(other, METHODS[name][1](other, batch))
    ours = bare_steps.library_step(model, batch)
    check_alike(name, first_losses(model, ours, hand))
    steps = {bare_steps.OURS: ours, bare_steps.HAND: hand}
    return {side: bare_steps.rate_of(step, size, count) for side, step in steps.items()}


def main(arguments=None):
    """Prints a table of the rates and their ratio."""
    size, _ = bare_steps.NETS["convnet"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", default=",".join(METHODS), help="names, by comma")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--steps", type=int, default=2, help="of a turn")
    parser.add_argument("--batch_size", type=int, default=size)
    args = parser.parse_args(arguments)
    names = "keras_contrastive, images/s", "by hand, images/s", "ratio"
    print(head("method", *names), flush=True)
    for name in args.methods.split(","):
        keras.backend.clear_session()
        rates = take_turns(sides_of(name, args.batch_size, args.steps), args.turns)
        ours, hand = rates.values()
        ratio = spread(ours / hand, ".2f")
        print(row(name, spread(ours), spread(hand), ratio), flush=True)


if __name__ == "__main__":
    main()
