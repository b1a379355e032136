"""From a name to batches: tfds, the embedded digits, views, bits, and 2-D toys."""

from keras_contrastive.data.batches import batches
from keras_contrastive.data.bits import binarise, bits
from keras_contrastive.data.load import Description, describe, load
from keras_contrastive.data.toys import toy
from keras_contrastive.data.views import views

__all__ = [
    "Description",
    "batches",
    "binarise",
    "bits",
    "describe",
    "load",
    "toy",
    "views",
]
