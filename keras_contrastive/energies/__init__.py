"""Energies of points and of pairs: low where the data is."""

from keras_contrastive.energies.boltzmann_machine import BoltzmannMachine
from keras_contrastive.energies.energy import Energy
from keras_contrastive.energies.rbm import RBM

__all__ = ["RBM", "BoltzmannMachine", "Energy"]
