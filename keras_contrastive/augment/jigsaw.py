"""Nine patches of an image in a random order: what PIRL compares an image with."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.augment.color_jitter import ColorJitter
from keras_contrastive.augment.random_resized_crop import RandomResizedCrop
from keras_contrastive.augment.stateless import StatelessAugmentation

# A 64 px patch in a cell of 85 px, at images of 224 px.
_CELL, _PATCH, _IMAGE = 85, 64, 224
_SMALL = 64


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Jigsaw(StatelessAugmentation):
    """Cuts each image into a grid and takes a patch of each cell, in random order.

    A random crop, flipped or not, is resized to `grid` x `grid` cells; of each cell a
    smaller patch is taken at a random place, so that edges do not tell who was whose
    neighbour; each patch is jittered in colour on its own, for the same reason; and
    the patches are permuted.

    The sizes follow the paper's at 224 px, where cells of 85 px make a crop of 255 and
    a patch is 64 px; below 64 px a crop is no larger than the image, 30 px at 32 with
    cells of 10 px and patches of 8.

    Source: Misra & van der Maaten 2019 (https://arxiv.org/abs/1912.01991), section 3,
    after Noroozi & Favaro 2016 (https://arxiv.org/abs/1603.09246).

    Args:
        image_size: Side of the whole images that are learnt from, in pixels.
        grid: Cells a side, at least 2.
        crop_size: Side of the resized crop, a multiple of `grid`; None: as above.
        patch_size: Side of a patch, at most that of a cell; None: as above.
        area: Lowest and highest share of the image that the crop covers.
        flip_rate: Probability of a horizontal flip.
        jitter: Strengths of brightness, contrast, saturation and hue, of every patch;
            None leaves the colours, and `grey_rate` out.
        grey_rate: Probability that a patch is made grey.
        **kwargs: See `StatelessAugmentation`.

    Attributes:
        brings_crop: True: it takes the image itself, not a view of it.

    Raises:
        ValueError: If a size or a share is out of its range, or the image too small.
    """

    brings_crop = True

    def __init__(
        self,
        image_size: int,
        grid: int = 3,
        crop_size: int | None = None,
        patch_size: int | None = None,
        area: Sequence[float] = (0.6, 1.0),
        flip_rate: float = 0.5,
        jitter: Sequence[float] | None = (0.4, 0.4, 0.4, 0.2),
        grey_rate: float = 0.2,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not isinstance(grid, int) or grid < 2:
            raise ValueError(f"`grid` must be an integer above 1. Received: {grid!r}")
        if not isinstance(image_size, int) or image_size < 2 * grid:
            raise ValueError(
                f"`image_size` must be an integer of at least {2 * grid}, which is "
                f"{grid} cells of 2 pixels. Received: {image_size!r}"
            )
        if crop_size is None:
            small = image_size < _SMALL
            cell = image_size // grid if small else round(image_size * _CELL / _IMAGE)
            crop_size = grid * cell
        if not isinstance(crop_size, int) or crop_size < grid or crop_size % grid:
            raise ValueError(
                f"`crop_size` must be divisible by `grid`, {grid}: "
                f"{crop_size // grid * grid} or {(crop_size // grid + 1) * grid}, "
                f"say. Received: {crop_size!r}"
            )
        cell = crop_size // grid
        if patch_size is None:
            patch_size = max(1, round(cell * _PATCH / _CELL))
        if not isinstance(patch_size, int) or not 1 <= patch_size <= cell:
            raise ValueError(
                f"`patch_size` must be an integer of at most a cell's side, {cell}. "
                f"Received: {patch_size!r}"
            )
        if jitter is not None and len(jitter) != 4:
            raise ValueError(
                "`jitter` must be four strengths, of brightness, contrast, saturation "
                f"and hue, or None. Received: {jitter!r}"
            )
        self.image_size = image_size
        self.grid = grid
        self.crop_size = crop_size
        self.patch_size = patch_size
        self.jitter = None if jitter is None else tuple(jitter)
        self.crop = RandomResizedCrop(crop_size, area, flip_rate=flip_rate)
        self.color = (
            None
            if jitter is None
            else ColorJitter(*jitter, rate=1.0, grey_rate=grey_rate)
        )
        self.area = self.crop.area
        self.flip_rate = flip_rate
        self.grey_rate = grey_rate
        self.built = True

    def draw(
        self, seed: tf.Tensor, count: tf.Tensor | int, images: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Draws the crop's `boxes`, `places` and `order`, and the patches' colours.

        `places`, `(count, patches, 2)`, are the top and left of each patch in its
        cell; `order`, `(count, patches)`, numbers the cells as a page is read; a
        colour's factors are `(count, patches, ...)`.
        """
        patches = self.grid**2
        room = self.crop_size // self.grid - self.patch_size + 1
        numbers = _seeded.uniform([count, 3, patches], _seeded.fold_in(seed, 1))
        drawn = self.crop.draw(_seeded.fold_in(seed, 0), count, images)
        drawn["places"] = tf.cast(
            tf.transpose(numbers[:, :2], [0, 2, 1]) * room, tf.int32
        )
        drawn["order"] = tf.argsort(numbers[:, 2], axis=1)
        if self.color is not None:
            colors = self.color.draw(_seeded.fold_in(seed, 2), count * patches, images)
            for name, value in colors.items():
                shape = [count, patches, *value.shape[1:]]
                drawn[f"color_{name}"] = tf.reshape(value, shape)
        return drawn

    def augment_images(
        self,
        images: tf.Tensor,
        transformations: dict[str, tf.Tensor],
        compilable: bool = False,
        **kwargs: Any,
    ) -> tf.Tensor:
        """Crops, cuts, jitters and shuffles.

        Returns:
            `(batch, grid * grid, patch_size, patch_size, channels)` float32 in [0, 1].
        """
        if min(images.shape[1] or 2**31, images.shape[2] or 2**31) < 2 * self.grid:
            raise ValueError(
                f"`inputs` must have sides of at least {2 * self.grid} pixels to be "
                f"cut into {self.grid} x {self.grid} cells. "
                f"Received: shape {images.shape}"
            )
        boxes = {"boxes": transformations["boxes"]}
        crops = self.crop.augment_images(images, boxes, compilable=compilable)
        grid, size, channels = self.grid, self.patch_size, images.shape[-1]
        cell = self.crop_size // grid
        cells = tf.reshape(crops, [-1, grid, cell, grid, cell, channels])
        cells = tf.transpose(cells, [0, 1, 3, 2, 4, 5])
        cells = tf.reshape(cells, [-1, grid**2, cell, cell, channels])
        order = transformations["order"]
        cells = tf.gather(cells, order, batch_dims=1)
        cells = tf.reshape(cells, [-1, cell, cell, channels])
        # (batch * patches, size): the rows and the columns that a patch takes
        places = tf.reshape(transformations["places"], [-1, 2, 1]) + tf.range(size)
        patches = tf.gather(cells, places[:, 0], axis=1, batch_dims=1)
        patches = tf.gather(patches, places[:, 1], axis=2, batch_dims=1)
        if self.color is not None:
            colors = {
                name.removeprefix("color_"): tf.reshape(value, [-1, *value.shape[2:]])
                for name, value in transformations.items()
                if name.startswith("color_")
            }
            patches = self.color.augment_images(patches, colors, compilable=compilable)
        return tf.reshape(patches, [-1, grid**2, size, size, channels])

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "grid": self.grid,
            "crop_size": self.crop_size,
            "patch_size": self.patch_size,
            "area": self.area,
            "flip_rate": self.flip_rate,
            "jitter": self.jitter,
            "grey_rate": self.grey_rate,
        }
