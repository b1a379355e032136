"""An RBM of 500 hidden units on MNIST's bits: CD-1, CD-10 and PCD, in nats.

Training bits are drawn anew each epoch with a pixel's intensity as probability; the
test bits are one draw, of seed 0, and are read once, by annealed importance sampling.

    python examples/benchmarks/rbm_mnist.py --data_dir DIR
"""

import argparse
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras

import keras_contrastive as kc

METHODS = ("cd1", "cd10", "pcd")
BATCH, HIDDEN, STEPS = 100, 500, 600


def make(method, rbm, seed):
    """Returns the model of a name."""
    sampler = kc.samplers.Gibbs()
    if method == "pcd":
        return kc.models.PersistentContrastiveDivergence(
            rbm, sampler, particles=BATCH, seed=seed
        )
    steps = int(method.removeprefix("cd"))
    return kc.models.ContrastiveDivergence(rbm, sampler, steps=steps, seed=seed)


def run(method, args):
    """Trains one RBM and measures it; returns its row."""
    keras.utils.set_random_seed(args.seed)
    images = kc.data.load("mnist", "train", args.data_dir)
    rbm = kc.energies.RBM(784, HIDDEN, seed=args.seed)
    model = make(method, rbm, args.seed)
    # Falling to nothing, so that the last weights are no snapshot of a noisy walk.
    rate = keras.optimizers.schedules.PolynomialDecay(
        args.rate, STEPS * args.epochs, end_learning_rate=0.0
    )
    model.compile(keras.optimizers.SGD(rate))
    batches = kc.data.bits(images, BATCH, args.seed, repeat=True)
    start = time.perf_counter()
    model.fit(batches, epochs=args.epochs, steps_per_epoch=STEPS, verbose=2)
    seconds = time.perf_counter() - start
    some = next(iter(images.batch(10_000)))["image"]
    test = kc.data.load("mnist", "test", args.data_dir).batch(10_000)
    bits = kc.data.binarise(next(iter(test))["image"], seed=0)
    ais = kc.evaluation.ais_log_partition(
        rbm,
        args.chains,
        args.temperatures,
        data=kc.data.binarise(some, seed=2),
        seed=1,
        progress=False,
    )
    mean, error = kc.evaluation.mean_log_likelihood(rbm, bits, ais)
    return {
        "method": method,
        "epochs": args.epochs,
        "learning_rate": args.rate,
        "seconds": round(seconds),
        "test_log_likelihood": round(float(mean), 2),
        "error_of_the_mean": round(float(error), 2),
        "log_z": round(ais.log_z, 2),
        "error_of_log_z": round(float(ais.standard_error), 3),
        "effective_sample_size": round(float(ais.effective_sample_size), 1),
    }


def main():
    """Runs the methods one after the other and prints a row each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder of tfds datasets")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chains", type=int, default=100)
    parser.add_argument("--temperatures", type=int, default=20_000)
    parser.add_argument("--json", help="file to which rows are added")
    args = parser.parse_args()
    for method in args.methods.split(","):
        row = json.dumps(run(method, args))
        print(row, flush=True)
        if args.json:
            with open(args.json, "a") as file:
                file.write(row + "\n")


if __name__ == "__main__":
    main()
