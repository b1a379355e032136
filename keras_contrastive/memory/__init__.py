"""What outlives a step: read before the loss, written after the update."""

from keras_contrastive.memory.feature_queue import FeatureQueue
from keras_contrastive.memory.memory_bank import MemoryBank
from keras_contrastive.memory.particle_buffer import ParticleBuffer

__all__ = ["FeatureQueue", "MemoryBank", "ParticleBuffer"]
