"""A convolutional energy of MNIST's digits, trained with persistent chains.

Chains that start at noise are led to what the energy takes for digits. Each is shown
with the training image that is nearest to it, to see that it is none of them, and a
plain classifier counts the classes.

    python examples/benchmarks/energy_mnist.py --data_dir DIR --out energy_mnist.png
"""

import argparse
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

import keras_contrastive as kc

BATCH, SAMPLES = 64, 100


def images_of(split, args, count):
    """Returns images `(count, 28, 28, 1)` in [0, 1] and their labels."""
    data = kc.data.load("mnist", split, args.data_dir).take(count).batch(count)
    batch = next(iter(data))
    return batch["image"].numpy().astype(np.float32) / 255, batch["label"].numpy()


def train(images, args):
    """Returns the trained energy and the sampler that it was trained with."""
    keras.utils.set_random_seed(args.seed)
    filters = tuple(map(int, args.filters.split(",")))
    energy = kc.energies.NetworkEnergy.convnet((28, 28, 1), filters=filters)
    # At a temperature of 1.25e-6: what is learnt is the energy of these short runs.
    sampler = kc.samplers.Langevin.short_run(step_size=10, noise=0.005, clip=args.clip)
    model = kc.models.PersistentContrastiveDivergence(
        energy,
        sampler,
        steps=args.chain_steps,
        particles=5000,
        reinitialise=0.05,
        start="uniform",
        energy_regularisation=0.1,
        clip_norm=args.clip_norm,
        seed=args.seed,
    )
    rate = keras.optimizers.schedules.CosineDecay(args.rate, args.steps)
    model.compile(keras.optimizers.Adam(rate, beta_1=0.0))
    per_epoch = min(100, args.steps)
    model.fit(
        images,
        batch_size=BATCH,
        epochs=args.steps // per_epoch,
        steps_per_epoch=per_epoch,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: (
                    (epoch + 1) % 10
                    or kc.plots.save(
                        kc.plots.plot_particles(model.buffer.particles.numpy()),
                        f"{args.out.rsplit('.', 1)[0]}_{per_epoch * (epoch + 1)}.png",
                    )
                )
            )
        ],
        verbose=2,
    )
    return energy, sampler


def main():
    """Trains, samples from noise, and draws."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder of tfds datasets")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--chain_steps", type=int, default=30)
    parser.add_argument("--filters", default="32,64,128")
    parser.add_argument("--clip", type=float, default=0.03, help="of a pixel's slope")
    parser.add_argument("--clip_norm", type=float, default=1000.0)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--sampling_steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="energy_mnist.png")
    args = parser.parse_args()
    images, labels = images_of("train", args, 60_000)
    start = time.perf_counter()
    energy, sampler = train(images, args)
    seconds = time.perf_counter() - start
    noise = np.random.default_rng(1).uniform(size=[SAMPLES, 28, 28, 1])
    chain = sampler.chain(
        energy, noise, args.sampling_steps, seed=[1, 2], thin=args.sampling_steps // 10
    )
    samples = chain.samples[-1].numpy()
    rows, flat = samples.reshape(SAMPLES, -1), images.reshape(len(images), -1)
    squares = (rows**2).sum(1)[:, None] - 2 * rows @ flat.T + (flat**2).sum(1)
    nearest = images[squares.argmin(axis=1)]
    classifier = LogisticRegression(max_iter=200).fit(flat[:10_000], labels[:10_000])
    counts = np.bincount(classifier.predict(rows), minlength=10)
    pairs = np.concatenate([samples, nearest], axis=2)
    kc.plots.save(kc.plots.plot_particles(pairs), args.out)
    stem = args.out.rsplit(".", 1)[0]
    first = chain.samples.numpy()[:, :10]
    kc.plots.save(kc.plots.plot_chain(first), f"{stem}_chain.png")
    figure = kc.plots.plot_energy_histograms(
        {"data": energy(images[:5000]).numpy(), "samples": energy(samples).numpy()}
    )
    kc.plots.save(figure, f"{stem}_energies.png")
    print(
        json.dumps(
            {
                "steps": args.steps,
                "seconds": round(seconds),
                "classes_of_samples": counts.tolist(),
                "data_energy": round(float(energy(images[:5000]).numpy().mean()), 4),
                "sample_energy": round(float(energy(samples).numpy().mean()), 4),
                "distance_to_nearest": round(float(squares.min(1).mean() ** 0.5), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
