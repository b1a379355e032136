"""One Keras Model a method, its `train_step` on one screen."""

from keras_contrastive.models.base import ContrastiveModel
from keras_contrastive.models.contrastive_divergence import ContrastiveDivergence
from keras_contrastive.models.dcl import DCL
from keras_contrastive.models.denoising_autoencoder import DenoisingAutoencoder
from keras_contrastive.models.denoising_score_matching import DenoisingScoreMatching
from keras_contrastive.models.embedding import EmbeddingModel
from keras_contrastive.models.energy_model import EnergyModel
from keras_contrastive.models.maximum_likelihood import MaximumLikelihood
from keras_contrastive.models.minimum_probability_flow import MinimumProbabilityFlow
from keras_contrastive.models.moco import MoCo
from keras_contrastive.models.moco_v3 import MoCoV3
from keras_contrastive.models.nnclr import NNCLR
from keras_contrastive.models.noise_contrastive_estimation import (
    NoiseContrastiveEstimation,
)
from keras_contrastive.models.persistent_contrastive_divergence import (
    PersistentContrastiveDivergence,
)
from keras_contrastive.models.pirl import PIRL
from keras_contrastive.models.pseudo_likelihood import PseudoLikelihood
from keras_contrastive.models.ratio_matching import RatioMatching
from keras_contrastive.models.score_matching import ScoreMatching
from keras_contrastive.models.siamese import Siamese
from keras_contrastive.models.simclr import SimCLR
from keras_contrastive.models.stacked_dae import (
    StackedDAE,
    fine_tune_stack,
    pretrain_stack,
    stacked_dae,
)
from keras_contrastive.models.sup_con import SupCon

__all__ = [
    "DCL",
    "NNCLR",
    "PIRL",
    "ContrastiveDivergence",
    "ContrastiveModel",
    "DenoisingAutoencoder",
    "DenoisingScoreMatching",
    "EmbeddingModel",
    "EnergyModel",
    "MaximumLikelihood",
    "MinimumProbabilityFlow",
    "MoCo",
    "MoCoV3",
    "NoiseContrastiveEstimation",
    "PersistentContrastiveDivergence",
    "PseudoLikelihood",
    "RatioMatching",
    "ScoreMatching",
    "Siamese",
    "SimCLR",
    "StackedDAE",
    "SupCon",
    "fine_tune_stack",
    "pretrain_stack",
    "stacked_dae",
]
