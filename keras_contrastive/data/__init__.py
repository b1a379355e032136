"""From a name or a folder to batches: tfds, the digits, views, bits, 2-D toys."""

from keras_contrastive.data.batches import batches
from keras_contrastive.data.bits import binarise, bits
from keras_contrastive.data.image_folder import ImageFolder, image_folder
from keras_contrastive.data.load import Description, describe, load
from keras_contrastive.data.toys import toy
from keras_contrastive.data.views import views

__all__ = [
    "Description",
    "ImageFolder",
    "batches",
    "binarise",
    "bits",
    "describe",
    "image_folder",
    "load",
    "toy",
    "views",
]
