"""An energy of points in the plane: what contrastive methods do, as a picture.

python examples/energy_2d.py --toy two_moons --method pcd
"""

import argparse

import keras

import keras_contrastive as kc

BOUNDS = (-4.5, 4.5)


def make(method, energy):
    """Returns the model: one energy, four ways to push it up."""
    # Langevin steps that are accepted or refused: they stay right as wells get steep.
    if method == "cd":  # where short chains from the data lead
        sampler = kc.samplers.MALA(step_size=0.05)
        return kc.models.ContrastiveDivergence(energy, sampler, steps=20)
    if method == "pcd":  # where chains are that never start again
        sampler = kc.samplers.MALA(step_size=0.1)
        return kc.models.PersistentContrastiveDivergence(
            energy, sampler, steps=20, particles=1000
        )
    if method == "nce":  # where noise is
        return kc.models.NoiseContrastiveEstimation(
            energy, kc.energies.Gaussian([0.0, 0.0], 4.0), ratio=5
        )
    if method == "dsm":  # everywhere around the data, by its slope
        return kc.models.DenoisingScoreMatching(energy, stddev=0.2)
    raise ValueError(f"`method` must be cd, pcd, nce or dsm. Received: {method!r}")


def main(toy="two_moons", method="pcd", epochs=60, points=10_000, out="energy_2d.png"):
    """Trains, draws, and says how far the density is from the true one."""
    keras.utils.set_random_seed(0)
    data = kc.data.toy(toy, points)
    # Steep from the start: a smooth network sees a ring where eight modes are.
    energy = kc.energies.NetworkEnergy.mlp((2,), units=(128, 128), first_scale=2.0)
    model = make(method, energy)
    batch = min(256, points)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * points // batch)
    model.compile(keras.optimizers.Adam(rate))
    model.fit(
        data,
        batch_size=batch,
        epochs=epochs,
        callbacks=[kc.callbacks.EnergyMonitor()],
        verbose=2,
    )
    particles = getattr(model, "buffer", None)
    figure = kc.plots.plot_energy_surface(
        energy, BOUNDS, data[:1000], particles and particles.particles[:200]
    )
    kc.plots.save(figure, out)
    if toy != "pinwheel":  # whose density has no closed form
        truth = kc.energies.toy_density(toy)
        # Of the model inside the picture: a network need not rise beyond it.
        kl = kc.evaluation.quadrature_kl(energy, truth, BOUNDS, tolerance=float("inf"))
        print(f"KL to the true density: {kl:.3f} nats")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--toy", default="two_moons")
    parser.add_argument("--method", default="pcd", help="cd, pcd, nce or dsm")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", default="energy_2d.png")
    main(**vars(parser.parse_args()))
