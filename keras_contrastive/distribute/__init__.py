"""Choosing a strategy, a differentiable gather, and the `fit` that Keras lacks."""

from keras_contrastive.distribute.finite import all_finite
from keras_contrastive.distribute.gather import (
    all_gather,
    all_gather_together,
    is_tpu,
    replica_count,
    replica_index,
)
from keras_contrastive.distribute.strategy import NAMES, strategy
from keras_contrastive.distribute.trainer import DistributedTrainer
from keras_contrastive.distribute.worker_callbacks import worker_callbacks
from keras_contrastive.distribute.workers import (
    Workers,
    is_chief,
    several_workers,
    told_of_lost_workers,
    worker_index,
)

__all__ = [
    "NAMES",
    "DistributedTrainer",
    "Workers",
    "all_finite",
    "all_gather",
    "all_gather_together",
    "is_chief",
    "is_tpu",
    "replica_count",
    "replica_index",
    "several_workers",
    "strategy",
    "told_of_lost_workers",
    "worker_callbacks",
    "worker_index",
]
