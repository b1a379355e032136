"""The points of a run: a toy in the plane, or images as bits or as reals."""

import numpy as np
import tensorflow as tf

from keras_contrastive import data
from keras_contrastive.cli import images
from keras_contrastive.cli.energies.settings import EnergySettings
from keras_contrastive.cli.splits import choose

_TOY_POINTS = 10_000
# Points that pictures and numbers look at.
SOME = 2_000


def pixels_of(given: dict) -> int:
    """Returns how many numbers an image of a dataset, or of a folder, has.

    Raises:
        ValueError: If its images differ in size.
    """
    shape = images.describe(given).image_shape
    if None in shape:
        raise ValueError(
            f"`{images.flag(given)}` must have images of one size for an energy. "
            f"Received: {given['dataset']} with {shape}"
        )
    return int(np.prod(shape))


class Points:
    """What a run trains on and is looked at with.

    Args:
        settings: Of the run.

    Attributes:
        shape: Of a point.
        count: Number of points that are trained on.
    """

    def __init__(self, settings: EnergySettings):
        self.settings = settings
        if settings.toy:
            self.shape, self.count = (2,), _TOY_POINTS
            self._toy = data.toy(settings.toy, _TOY_POINTS, settings.seed)
            return
        description = images.describe(vars(settings))
        self.splits = choose(description, settings.train_split)
        self.image_shape = description.image_shape
        self.count = int(self._images(self.splits.train).cardinality())
        flat = (int(np.prod(self.image_shape)),)
        self.shape = flat if settings.bits else self.image_shape

    def _images(self, split: str) -> tf.data.Dataset:
        return images.load(vars(self.settings), split)

    def batches(self, first_epoch: int, first_batch: int = 0) -> tf.data.Dataset:
        """Returns the training batches, one pass for all epochs to come."""
        settings = self.settings
        order = {
            "seed": settings.seed,
            "first_epoch": first_epoch,
            "first_batch": first_batch,
            "repeat": True,
        }
        if settings.toy:
            # As images of one pixel's height, for the same order as images have.
            whole = tf.data.Dataset.from_tensor_slices(
                {"image": self._toy[:, None, :, None]}
            )
            batches = data.batches(whole, settings.batch_size, **order)
            return batches.map(lambda x: tf.reshape(x["image"], [-1, 2]))
        images = self._images(self.splits.train)
        if settings.bits:
            return data.bits(images, settings.batch_size, **order)
        return data.batches(images, settings.batch_size, **order)

    def some(self, held_out: bool = False) -> np.ndarray:
        """Returns a few points, of training or held out, in the energy's domain."""
        settings = self.settings
        if settings.toy:
            if held_out:
                return data.toy(settings.toy, SOME, settings.seed + 1)
            return self._toy[:SOME]
        split = self.splits.test if held_out else self.splits.train
        images = next(iter(self._images(split).take(SOME).batch(SOME)))["image"]
        if settings.bits:
            return data.binarise(images, seed=settings.seed).numpy()
        return images.numpy().astype(np.float32) / 255
