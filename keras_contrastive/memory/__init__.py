"""What outlives a step: the feature queue."""

from keras_contrastive.memory.feature_queue import FeatureQueue

__all__ = ["FeatureQueue"]
