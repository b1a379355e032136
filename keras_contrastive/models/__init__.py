"""One Keras Model a method, its `train_step` on one screen."""

from keras_contrastive.models.base import ContrastiveModel
from keras_contrastive.models.embedding import EmbeddingModel
from keras_contrastive.models.siamese import Siamese
from keras_contrastive.models.simclr import SimCLR

__all__ = ["ContrastiveModel", "EmbeddingModel", "Siamese", "SimCLR"]
