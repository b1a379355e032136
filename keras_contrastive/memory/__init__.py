"""What outlives a step: read before the loss, written after the update."""

from keras_contrastive.memory.memory_bank import MemoryBank

__all__ = ["MemoryBank"]
