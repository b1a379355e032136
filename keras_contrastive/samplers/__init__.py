"""Random walks that go down an energy, and up again by chance."""

from keras_contrastive.samplers.chain import Chain, Walk
from keras_contrastive.samplers.denoise import Denoised, denoise
from keras_contrastive.samplers.denoising_langevin import DenoisingLangevin
from keras_contrastive.samplers.gibbs import Gibbs
from keras_contrastive.samplers.gibbs_with_gradients import GibbsWithGradients
from keras_contrastive.samplers.langevin import Langevin
from keras_contrastive.samplers.mala import MALA
from keras_contrastive.samplers.metropolis import Metropolis
from keras_contrastive.samplers.sampler import Sampler
from keras_contrastive.samplers.walk_back import WalkBack

__all__ = [
    "MALA",
    "Chain",
    "Denoised",
    "DenoisingLangevin",
    "Gibbs",
    "GibbsWithGradients",
    "Langevin",
    "Metropolis",
    "Sampler",
    "Walk",
    "WalkBack",
    "denoise",
]
