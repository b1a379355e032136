"""One Keras Model a method, its `train_step` on one screen."""

from keras_contrastive.models.base import ContrastiveModel
from keras_contrastive.models.dcl import DCL
from keras_contrastive.models.embedding import EmbeddingModel
from keras_contrastive.models.moco import MoCo
from keras_contrastive.models.moco_v3 import MoCoV3
from keras_contrastive.models.nnclr import NNCLR
from keras_contrastive.models.pirl import PIRL
from keras_contrastive.models.siamese import Siamese
from keras_contrastive.models.simclr import SimCLR
from keras_contrastive.models.sup_con import SupCon

__all__ = [
    "DCL",
    "NNCLR",
    "PIRL",
    "ContrastiveModel",
    "EmbeddingModel",
    "MoCo",
    "MoCoV3",
    "Siamese",
    "SimCLR",
    "SupCon",
]
