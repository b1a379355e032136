"""Four methods, one network, three toys: KL to the true density, by quadrature.

    python examples/benchmarks/energies_2d.py

Settings are those of `examples/energy_2d.py`, chosen on the Gaussians of another seed.
The divergence is of the model inside [-4.5, 4.5] squared; what the truth has outside of
it is below 1e-6.
"""

import argparse
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import importlib.util
import pathlib

import keras

import keras_contrastive as kc

TOYS, METHODS = ("gaussians", "rings", "two_moons"), ("cd", "pcd", "nce", "dsm")
_FILE = pathlib.Path(__file__).parents[1] / "energy_2d.py"
_SPEC = importlib.util.spec_from_file_location("energy_2d", _FILE)
example = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(example)


def run(toy, method, epochs, seed):
    """Returns a row: KL in nats of a trained energy, and the seconds it took."""
    keras.utils.set_random_seed(seed)
    data = kc.data.toy(toy, 10_000, seed)
    energy = kc.energies.NetworkEnergy.mlp((2,), units=(128, 128), first_scale=2.0)
    model = example.make(method, energy)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * 40)
    model.compile(keras.optimizers.Adam(rate))
    start = time.perf_counter()
    model.fit(data, batch_size=256, epochs=epochs, verbose=0)
    truth = kc.energies.toy_density(toy)
    kl = kc.evaluation.quadrature_kl(
        energy, truth, example.BOUNDS, tolerance=float("inf")
    )
    seconds = round(time.perf_counter() - start)
    return {"toy": toy, "method": method, "kl": round(float(kl), 3), "seconds": seconds}


def main():
    """Prints a row for each toy and method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--toys", default=",".join(TOYS))
    parser.add_argument("--methods", default=",".join(METHODS))
    args = parser.parse_args()
    for toy in args.toys.split(","):
        for method in args.methods.split(","):
            print(json.dumps(run(toy, method, args.epochs, args.seed)), flush=True)


if __name__ == "__main__":
    main()
