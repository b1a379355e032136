"""One Keras Model a method, its `train_step` on one screen."""

from keras_contrastive.models.base import ContrastiveModel
from keras_contrastive.models.embedding import EmbeddingModel
from keras_contrastive.models.moco import MoCo
from keras_contrastive.models.moco_v3 import MoCoV3
from keras_contrastive.models.nnclr import NNCLR
from keras_contrastive.models.simclr import SimCLR

__all__ = ["NNCLR", "ContrastiveModel", "EmbeddingModel", "MoCo", "MoCoV3", "SimCLR"]
