"""Persistent CD as the dimension grows: the same budget, from 2 to 64 dimensions.

A mixture of two Gaussians at distance 4 in d dimensions, a network of one size, one
number of steps, particles and updates. Two errors tell how well the energy is learnt:
its Fisher divergence from the truth, the squared distance of the two scores at points
of the mixture; and how far the share of the particles in the first well is from a half.
All directions have to be explored by chains, and in each only they push the energy up.

    python examples/benchmarks/pcd_dimension.py --out pcd_dimension.png
"""

import argparse
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import matplotlib
import numpy as np

import keras_contrastive as kc

matplotlib.use("Agg")
from matplotlib import pyplot


def mixture(d):
    """Returns the true density."""
    means = np.zeros((2, d), np.float32)
    means[0, 0], means[1, 0] = -2.0, 2.0
    return kc.energies.GaussianMixture(means, 1.0)


def run(d, epochs, seed):
    """Returns a row: the errors after one budget."""
    keras.utils.set_random_seed(seed)
    truth = mixture(d)
    data = truth.sample(10_000, seed=[seed, 1]).numpy()
    energy = kc.energies.NetworkEnergy.mlp((d,), units=(128, 128))
    model = kc.models.PersistentContrastiveDivergence(
        energy, kc.samplers.MALA(0.1), steps=10, particles=1000, seed=seed
    )
    rate = keras.optimizers.schedules.CosineDecay(1e-3, epochs * 40)
    model.compile(keras.optimizers.Adam(rate))
    model.fit(data, batch_size=256, epochs=epochs, verbose=0)
    held_out = truth.sample(2_000, seed=[seed, 2])
    difference = (energy.score(held_out) - truth.score(held_out)).numpy()
    share = float((model.buffer.particles.numpy()[:, 0] < 0).mean())
    return {
        "d": d,
        "fisher_divergence": round(float((difference**2).sum(axis=1).mean()), 3),
        "share_error": round(abs(share - 0.5), 3),
    }


def main():
    """Prints a row for each dimension and draws them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dimensions", default="2,4,8,16,32,64")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", default="pcd_dimension.png")
    args = parser.parse_args()
    sizes = list(map(int, args.dimensions.split(",")))
    errors = []
    for d in sizes:
        rows = [run(d, args.epochs, seed) for seed in range(args.seeds)]
        for row in rows:
            print(json.dumps(row), flush=True)
        errors.append([row["fisher_divergence"] for row in rows])
    draw(sizes, errors, args.out)


def draw(sizes, errors, out):
    """Writes the errors against the dimension."""
    figure, ax = pyplot.subplots(figsize=(5, 3.5), layout="constrained")
    ax.errorbar(sizes, np.mean(errors, 1), np.std(errors, 1), marker="o", capsize=3)
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, map(str, sizes))
    ax.set_xlabel("dimensions")
    ax.set_ylabel("Fisher divergence from the truth")
    figure.savefig(out, dpi=120)


if __name__ == "__main__":
    main()
