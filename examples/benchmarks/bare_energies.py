"""Every energy model's train step beside the same step written by hand.

    python examples/benchmarks/bare_energies.py

As `bare_methods.py` does it for embeddings: all that a step reads is ready in memory,
and on the other side stands a step in plain TensorFlow, of `energies_by_hand.py`,
without a check, a metric or an optimizer of Keras's. An RBM, 784-500, with 100 points
a step; a network of three convolutions on images of 28 x 28 pixels, with 64; a
Boltzmann machine of 784 bits, with 100; and a network of two dense layers on points of
two numbers, with 200, its partition function summed over a grid of 100 x 100.

That both sides do the same arithmetic is checked: with one half in the place of every
random number, and from equal weights and particles, the losses of the first steps must
agree. Then both are made again, with random numbers.

The sides take turns, short ones, of ten steps a call. A ratio is the median of the
turns' ratios, with the lowest and the highest; above 1 the library is the faster one.
"""

import argparse
import contextlib
from unittest import mock

import bare_methods
import bare_steps
import energies_by_hand as by_hand
import keras
import numpy as np
import tensorflow as tf
from steps_by_hand import compiled, in_a_loop
from turns import head, row, spread, take_turns

import keras_contrastive as kc
from keras_contrastive import _seeded

M, E, S = kc.models, kc.energies, kc.samplers
STEPS_PER_CALL = 10
BITS, HIDDEN, IMAGE, NODES = 784, 500, (28, 28, 1), 100
WALK = S.Langevin.short_run(step_size=10, noise=0.005, clip=0.03)
PARTICLES = {"particles": 1000, "reinitialise": 0.05, "start": "uniform"}


def rbm():
    """Returns a Boltzmann machine of two layers."""
    return E.RBM(BITS, HIDDEN, seed=0)


def machine():
    """Returns a Boltzmann machine of one layer."""
    return E.BoltzmannMachine(BITS, seed=0)


def network():
    """Returns an energy of images."""
    return E.NetworkEnergy.convnet(IMAGE)


def langevin(_):
    """Returns persistent CD as networks are trained with on images."""
    return M.PersistentContrastiveDivergence(
        network(), WALK, steps=10, energy_regularisation=0.1, **PARTICLES, seed=0
    )


def plane(_):
    """Returns maximum likelihood on points of two numbers."""
    energy = E.NetworkEnergy.mlp((2,), domain="reals")
    return M.MaximumLikelihood(energy, bounds=(-4.0, 4.0), nodes=NODES, seed=0)


def noise():
    """Returns what noise contrastive estimation tells images from."""
    return E.Gaussian(np.full(IMAGE, 0.5), 0.1)


# Name -> points of a step, what makes the model for so many, and the step by hand.
METHODS = {
    "rbm_cd": (
        100,
        lambda _: M.ContrastiveDivergence(rbm(), S.Gibbs(), seed=0),
        by_hand.rbm_cd,
    ),
    "rbm_pcd": (
        100,
        lambda count: M.PersistentContrastiveDivergence(
            rbm(), S.Gibbs(), particles=count, seed=0
        ),
        by_hand.rbm_pcd,
    ),
    "langevin_pcd": (64, langevin, by_hand.langevin_pcd),
    "noise_contrastive": (
        64,
        lambda _: M.NoiseContrastiveEstimation(network(), noise(), seed=0),
        by_hand.noise_contrastive,
    ),
    "score_matching": (
        64,
        lambda _: M.ScoreMatching(network(), slices=1, seed=0),
        by_hand.score_matching,
    ),
    "denoising_score_matching": (
        64,
        lambda _: M.DenoisingScoreMatching(network(), 0.3, seed=0),
        by_hand.denoising_score_matching,
    ),
    "pseudo_likelihood": (
        100,
        lambda _: M.PseudoLikelihood(machine(), seed=0),
        by_hand.pseudo_likelihood,
    ),
    "ratio_matching": (
        100,
        lambda _: M.RatioMatching(machine(), seed=0),
        by_hand.ratio_matching,
    ),
    "minimum_probability_flow": (
        100,
        lambda _: M.MinimumProbabilityFlow(machine(), seed=0),
        by_hand.minimum_probability_flow,
    ),
    "maximum_likelihood": (200, plane, by_hand.maximum_likelihood),
}


def make_model(name, count):
    """Returns a method's model, compiled: the same each time."""
    keras.utils.set_random_seed(0)
    model = METHODS[name][1](count)
    rates = by_hand.RATES
    if isinstance(model.energy, E.NetworkEnergy):
        optimizer = keras.optimizers.Adam(rates["adam"])
    else:
        optimizer = keras.optimizers.SGD(rates["sgd"])
    model.compile(optimizer, steps_per_execution=STEPS_PER_CALL)
    return model


def points_of(energy, count):
    """Returns what a step reads."""
    random = np.random.default_rng(0)
    points = random.uniform(size=(count, *energy.event_shape))
    if energy.domain == "bits":
        points = points < 0.13
    return tf.constant(points, tf.float32)


@contextlib.contextmanager
def without_chance():
    """Puts one half in the place of every random number of both sides."""
    with contextlib.ExitStack() as stack:
        for place, name, value in (
            (_seeded, "uniform", lambda shape, seed: tf.fill(shape, 0.5)),
            (_seeded, "normal", lambda shape, seed: tf.fill(shape, 0.5)),
            (_seeded, "bits", lambda p, seed: tf.cast(p > 0.5, p.dtype)),
            (
                _seeded,
                "integers",
                lambda shape, seed, high: tf.fill(shape, tf.cast(high // 2, tf.int64)),
            ),
            (by_hand, "uniform", lambda shape: tf.fill(shape, 0.5)),
            (by_hand, "normal", lambda shape: tf.fill(shape, 0.5)),
        ):
            stack.enter_context(mock.patch.object(place, name, value))
        yield


def both_steps(name, count):
    """Returns a function for a step of either side, ours having taken one."""
    model, other = make_model(name, count), make_model(name, count)
    x = points_of(model.energy, count)
    hand = compiled(other, METHODS[name][2](other, x))
    data = tf.data.Dataset.from_tensors(x).repeat()
    model.fit(data, steps_per_epoch=1, verbose=0)
    batches = iter(data)
    return model, batches, hand


def check(name, count):
    """Stops at sides that do not do the same arithmetic."""
    with without_chance():
        model, batches, hand = both_steps(name, count)
        losses = bare_methods.first_losses(
            model, lambda: model.train_function._one(next(batches))["loss"], hand
        )
    bare_methods.check_alike(name, losses)


def sides_of(name, count, calls):
    """Returns side -> a function that runs a turn and returns points a second."""
    check(name, count)
    model, batches, hand = both_steps(name, count)
    loop, steps = in_a_loop(hand), tf.constant(STEPS_PER_CALL)
    sides = {
        bare_steps.OURS: lambda: model.train_function._many(batches, steps)["loss"],
        bare_steps.HAND: lambda: loop(steps),
    }
    for ten in sides.values():
        ten()
    points = STEPS_PER_CALL * count
    return {side: bare_steps.rate_of(ten, points, calls) for side, ten in sides.items()}


def main(arguments=None):
    """Prints a table of the rates and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", default=",".join(METHODS), help="names, by comma")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--calls", type=int, default=2, help="of ten steps, in a turn")
    parser.add_argument("--batch_size", type=int, help="instead of each method's own")
    args = parser.parse_args(arguments)
    names = "keras_contrastive, points/s", "by hand, points/s", "ratio"
    print(head("method", *names), flush=True)
    for name in args.methods.split(","):
        keras.backend.clear_session()
        sides = sides_of(name, args.batch_size or METHODS[name][0], args.calls)
        ours, hand = take_turns(sides, args.turns).values()
        ratio = spread(ours / hand, ".2f")
        print(row(name, spread(ours), spread(hand), ratio), flush=True)


if __name__ == "__main__":
    main()
