"""One of each energy, small, with weights that are not those of the start."""

import keras
import numpy as np

import keras_contrastive as kc

E = kc.energies


def jolted(energy, scale=0.7, seed=0):
    rng = np.random.default_rng(seed)
    for v in energy.trainable_variables:
        v.assign(scale * rng.normal(size=v.shape))
    return energy


def _autoencoder(dtype="float32", name=None):
    layers = (
        keras.layers.Dense(4, "tanh", dtype=dtype),
        keras.layers.Dense(3, dtype=dtype),
    )
    return keras.Sequential([keras.Input([3], dtype=dtype), *layers])


MODELS = {
    "BoltzmannMachine": lambda **k: jolted(E.BoltzmannMachine(6, **k)),
    "RBM": lambda **k: jolted(E.RBM(6, 4, **k)),
    "RBM-gaussian": lambda **k: jolted(E.RBM(5, 4, "gaussian", 0.7, **k)),
    "Gaussian": lambda **k: E.Gaussian([1.0, -1.0], [[2.0, 0.5], [0.5, 1.0]], **k),
    "GaussianMixture": lambda **k: E.GaussianMixture([[1, 0], [-1, 2]], 0.5, **k),
    "DoubleWell": lambda **k: E.DoubleWell(2.0, 1.5, 2, **k),
    "Uniform": lambda **k: E.Uniform(-9.0, 9.0, (2,), **k),
    "Bernoulli": lambda **k: E.Bernoulli([[0.2, 0.5], [0.7, 0.9]], **k),
    "NetworkEnergy": lambda **k: E.NetworkEnergy.mlp((3,), (8,), **k),
    "NetworkEnergy-bits": lambda **k: jolted(
        E.NetworkEnergy.convnet((4, 4, 1), (3,), domain="bits", **k)
    ),
    "Net-ReconstructionEnergy": lambda **k: E.ReconstructionEnergy(
        jolted(_autoencoder(**k)), **k
    ),
    "TiedDAEEnergy": lambda **k: jolted(E.TiedDAEEnergy(3, 4, 0.7, **k)),
    "SumEnergy": lambda **k: E.SumEnergy(
        [jolted(E.RBM(4, 3, **k)), jolted(E.BoltzmannMachine(4, **k), seed=1)], **k
    ),
    "TemperedEnergy": lambda **k: E.TemperedEnergy(jolted(E.RBM(4, 3, **k)), 2.5, **k),
}
BITS = [name for name, make in MODELS.items() if make().domain == "bits"]


def points(energy, count=6, seed=3):
    x = np.random.default_rng(seed).normal(size=(count, *energy.event_shape))
    return (x > 0).astype(float) if energy.domain == "bits" else x
