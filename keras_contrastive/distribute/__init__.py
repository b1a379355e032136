"""Choosing a strategy, a differentiable gather, and the `fit` that Keras lacks."""

from keras_contrastive.distribute.finite import all_finite
from keras_contrastive.distribute.gather import (
    all_gather,
    is_tpu,
    replica_count,
    replica_index,
)
from keras_contrastive.distribute.strategy import NAMES, strategy
from keras_contrastive.distribute.trainer import DistributedTrainer

__all__ = [
    "NAMES",
    "DistributedTrainer",
    "all_finite",
    "all_gather",
    "is_tpu",
    "replica_count",
    "replica_index",
    "strategy",
]
