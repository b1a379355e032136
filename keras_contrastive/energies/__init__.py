"""Energies of points and of pairs: low where the data is."""

from keras_contrastive.energies.autoencoder_energy import AutoencoderEnergy
from keras_contrastive.energies.bernoulli import Bernoulli
from keras_contrastive.energies.boltzmann_machine import BoltzmannMachine
from keras_contrastive.energies.density import Density
from keras_contrastive.energies.double_well import DoubleWell
from keras_contrastive.energies.energy import Energy
from keras_contrastive.energies.gaussian import Gaussian
from keras_contrastive.energies.gaussian_mixture import GaussianMixture
from keras_contrastive.energies.network_energy import NetworkEnergy
from keras_contrastive.energies.pair_energy import PairEnergy
from keras_contrastive.energies.rbm import RBM
from keras_contrastive.energies.reconstruction_energy import ReconstructionEnergy
from keras_contrastive.energies.spectral_norm import SpectralNorm
from keras_contrastive.energies.sum_energy import SumEnergy
from keras_contrastive.energies.tempered_energy import TemperedEnergy
from keras_contrastive.energies.tied_dae_energy import TiedDAEEnergy
from keras_contrastive.energies.toy_density import toy_density
from keras_contrastive.energies.uniform import Uniform

__all__ = [
    "RBM",
    "AutoencoderEnergy",
    "Bernoulli",
    "BoltzmannMachine",
    "Density",
    "DoubleWell",
    "Energy",
    "Gaussian",
    "GaussianMixture",
    "NetworkEnergy",
    "PairEnergy",
    "ReconstructionEnergy",
    "SpectralNorm",
    "SumEnergy",
    "TemperedEnergy",
    "TiedDAEEnergy",
    "Uniform",
    "toy_density",
]
