"""Every energy model, small, with points that it can be fitted on."""

import keras
import numpy as np
import tensorflow as tf

import keras_contrastive as kc

BATCH, COUNT = 32, 128
E, M, S = kc.energies, kc.models, kc.samplers


def boltzmann():
    return E.BoltzmannMachine(6, stddev=0.1, seed=3)


def rbm():
    return E.RBM(6, 3, seed=3)


def network():
    return E.NetworkEnergy.mlp((2,), units=(16, 16))


def noise():
    return E.Gaussian([0.0, 0.0], 4.0)


def autoencoder(corruption, tied=False):
    dense = keras.layers.Dense
    encoder = keras.Sequential([keras.Input([2]), dense(16, "tanh"), dense(8, "tanh")])
    decoder = keras.Sequential([keras.Input([8]), dense(2)])
    decoder = "tied" if tied else decoder
    return M.DenoisingAutoencoder(encoder, decoder, corruption, seed=3)


def descent():
    """A walk without noise, which replicas can share exactly."""
    return S.Langevin(0.02, temperature=0.0, bounds=(-4, 4))


MODELS = {
    "Maximum likelihood": lambda: M.MaximumLikelihood(boltzmann(), seed=3),
    "Maximum likelihood on a grid": lambda: M.MaximumLikelihood(
        network(), (-4, 4), nodes=40, seed=3
    ),
    "Pseudo-likelihood": lambda: M.PseudoLikelihood(rbm(), clip_norm=0.5, seed=3),
    "Ratio matching": lambda: M.RatioMatching(boltzmann(), seed=3),
    "Minimum probability flow": lambda: M.MinimumProbabilityFlow(boltzmann(), seed=3),
    "Noise contrastive estimation": lambda: M.NoiseContrastiveEstimation(
        network(), noise(), ratio=2, seed=3
    ),
    "Score matching": lambda: M.ScoreMatching(network(), seed=3),
    "Sliced score matching": lambda: M.ScoreMatching(network(), slices=2, seed=3),
    "Denoising score matching": lambda: M.DenoisingScoreMatching(
        network(), stddev=0.5, seed=3
    ),
    "Denoising autoencoder": lambda: autoencoder(kc.augment.SaltAndPepper(0.2, -2, 2)),
    "Denoising autoencoder, tied": lambda: autoencoder(
        kc.augment.GaussianNoise(0.5), tied=True
    ),
    "Contrastive divergence": lambda: M.ContrastiveDivergence(
        rbm(), S.Gibbs(), steps=2, seed=3
    ),
    "Contrastive divergence, softplus": lambda: M.ContrastiveDivergence(
        boltzmann(), S.Metropolis(), 12, "softplus", energy_regularisation=0.01, seed=3
    ),
    "Contrastive divergence, descent": lambda: M.ContrastiveDivergence(
        network(), descent(), steps=10, energy_regularisation=0.01, seed=3
    ),
    "Persistent": lambda: M.PersistentContrastiveDivergence(
        boltzmann(), S.Gibbs(), steps=2, particles=64, seed=3
    ),
    "Persistent, descent": lambda: M.PersistentContrastiveDivergence(
        network(),
        descent(),
        steps=10,
        particles=40,
        reinitialise=0.3,
        energy_regularisation=0.01,
        clip_norm=1.0,
        seed=3,
    ),
}
# Their draws are as large as the points, and each replica's own.
WITH_OWN_NOISE = {
    "Sliced score matching",
    "Denoising score matching",
    "Denoising autoencoder, tied",
    "Contrastive divergence",
    "Contrastive divergence, softplus",
    "Persistent",
}
# A descent has no temperature, and is no maximum likelihood; nor is a distance from a
# reconstruction.
WITHOUT_LIKELIHOOD = {
    "Contrastive divergence, descent",
    "Persistent, descent",
    "Denoising autoencoder",
    "Denoising autoencoder, tied",
}
# Their nets are the user's, as an embedding method's trunk is.
IN_THE_POLICY_S_PRECISION = {"Denoising autoencoder", "Denoising autoencoder, tied"}


def points(name):
    """`(COUNT, 6)` bits in which neighbours agree, or two blobs `(COUNT, 2)`."""
    rng = np.random.default_rng(0)
    if MODELS[name]().energy.domain == "bits":
        start = rng.integers(0, 2, [COUNT, 1])
        flips = (rng.uniform(size=[COUNT, 6]) < 0.2).cumsum(axis=1)
        return ((start + flips) % 2).astype(np.float32)
    side = rng.choice([-1.5, 1.5], size=[COUNT, 1])
    return (side + 0.5 * rng.normal(size=[COUNT, 2])).astype(np.float32)


def dataset(name):
    """Batches in a fixed order, as the named model takes them."""
    data = tf.data.Dataset.from_tensor_slices({"image": points(name)})
    return data.batch(BATCH, drop_remainder=True)
