"""What the contrastive papers train with and Keras lacks."""

from keras_contrastive.optimizers.cosine_momentum import CosineMomentum
from keras_contrastive.optimizers.lars import LARS
from keras_contrastive.optimizers.rate_factors import FactoredAdam, RateFactors
from keras_contrastive.optimizers.schedule import warmup_cosine
from keras_contrastive.optimizers.sgd import SGD

__all__ = [
    "LARS",
    "SGD",
    "CosineMomentum",
    "FactoredAdam",
    "RateFactors",
    "warmup_cosine",
]
