"""The crop that makes two views of one image: a random box, resized to a square."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.augment.pixels import as_unit_float
from keras_contrastive.augment.stateless import StatelessAugmentation

_ATTEMPTS = 10
# Pixels of the source for each of the crop, up to which it is converted first.
_CONVERTED = 3


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomResizedCrop(StatelessAugmentation):
    """Crops a random box of each image and resizes it to a square, flipped or not.

    The box covers a share `a ~ U(area)` of the image with an aspect ratio
    `log r ~ U(log ratio)` (width over height, in pixels); of ten such proposals the
    first that fits is placed uniformly, and if none fits the largest central box
    whose ratio is allowed is taken. The horizontal flip is folded into the sampling
    positions and so costs nothing. Bilinear, without antialiasing: bring images of
    more than about twice `image_size` down first.

    Source: Szegedy et al. 2015 (https://arxiv.org/abs/1409.4842), section 6; used as
    the first augmentation of SimCLR (https://arxiv.org/abs/2002.05709), appendix A.

    Args:
        image_size: Side of the output in pixels.
        area: Lowest and highest share of the image that a crop covers, in (0, 1].
        ratio: Lowest and highest aspect ratio, above 0.
        flip_rate: Probability of a horizontal flip, in [0, 1].
        **kwargs: See `StatelessAugmentation`.

    Raises:
        ValueError: If a size or a range is not one.
    """

    def __init__(
        self,
        image_size: int,
        area: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        flip_rate: float = 0.5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not isinstance(image_size, int) or image_size < 1:
            raise ValueError(
                f"`image_size` must be a positive integer. Received: {image_size!r}"
            )
        if not (len(area) == 2 and 0 < area[0] <= area[1] <= 1):
            raise ValueError(
                "`area` must be a lowest and a highest share with "
                f"0 < lowest <= highest <= 1. Received: {area}"
            )
        if not (len(ratio) == 2 and 0 < ratio[0] <= ratio[1]):
            raise ValueError(
                "`ratio` must be a lowest and a highest aspect ratio with "
                f"0 < lowest <= highest. Received: {ratio}"
            )
        if not 0 <= flip_rate <= 1:
            raise ValueError(
                f"`flip_rate` must be a probability. Received: {flip_rate}"
            )
        self.image_size = image_size
        self.area = tuple(area)
        self.ratio = tuple(ratio)
        self.flip_rate = flip_rate

    def draw(
        self, seed: tf.Tensor, count: tf.Tensor | int, images: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Draws `boxes`, `(count, 4)`: top, left, bottom, right as shares of a side.

        A flipped image has its left and right exchanged.
        """
        height, width = _sides(images)
        numbers = _seeded.uniform([count, 2 * _ATTEMPTS + 3], seed)
        shares = _stretch(numbers[:, :_ATTEMPTS], *self.area)
        logs = [math.log(end) for end in self.ratio]
        ratios = tf.exp(_stretch(numbers[:, _ATTEMPTS : 2 * _ATTEMPTS], *logs))
        tall = tf.sqrt(shares / ratios * (width / height))
        wide = tf.sqrt(shares * ratios * (height / width))
        fits = (tall <= 1) & (wide <= 1)
        first = tf.argmax(tf.cast(fits, tf.int32), axis=1, output_type=tf.int32)
        chosen = tf.one_hot(first, _ATTEMPTS)
        # The whole image where its own ratio is allowed, else its central part.
        own = width / height
        allowed = tf.clip_by_value(own, *self.ratio)
        any_fits = tf.reduce_any(fits, axis=1)
        box_height = tf.where(
            any_fits, tf.reduce_sum(chosen * tall, 1), tf.minimum(1.0, own / allowed)
        )
        box_width = tf.where(
            any_fits, tf.reduce_sum(chosen * wide, 1), tf.minimum(1.0, allowed / own)
        )
        place = tf.where(any_fits[:, None], numbers[:, -3:-1], 0.5)
        top = place[:, 0] * (1 - box_height)
        left = place[:, 1] * (1 - box_width)
        flip = numbers[:, -1] < self.flip_rate
        right = left + box_width
        sides = [tf.where(flip, right, left), tf.where(flip, left, right)]
        return {"boxes": tf.stack([top, sides[0], top + box_height, sides[1]], axis=1)}

    def augment_images(
        self,
        images: tf.Tensor,
        transformations: dict[str, tf.Tensor],
        compilable: bool = False,
        **kwargs: Any,
    ) -> tf.Tensor:
        """Samples the boxes: one fused operation, or two matrix products for XLA."""
        boxes = transformations["boxes"]
        if compilable:
            return _sample_by_products(as_unit_float(images), boxes, self.image_size)
        size = [self.image_size, self.image_size]
        index = tf.range(tf.shape(images)[0])
        if images.dtype != tf.uint8:
            return tf.image.crop_and_resize(as_unit_float(images), boxes, index, size)
        # Scaled after the crop, as there are fewer pixels. The kernel reads floats
        # faster, but a source that is much larger costs more to convert than to read.
        pixels = images.shape[1:3].num_elements()
        if pixels is not None and pixels <= _CONVERTED * self.image_size**2:
            images = tf.cast(images, tf.float32)
        return tf.image.crop_and_resize(images, boxes, index, size) * (1 / 255)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "area": self.area,
            "ratio": self.ratio,
            "flip_rate": self.flip_rate,
        }


def _sides(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    shape = tf.shape(images)
    return tuple(
        tf.cast(images.shape[axis] or shape[axis], tf.float32) for axis in (1, 2)
    )


def _stretch(numbers: tf.Tensor, low: Any, high: Any) -> tf.Tensor:
    return low + (high - low) * numbers


def _hat_weights(start: tf.Tensor, stop: tf.Tensor, source: int, size: int):
    """Bilinear weights, `(batch, size, source)`, of `size` points from start to stop.

    A hat of width one around each sampling position weighs exactly the two pixels
    that bilinear interpolation reads.
    """
    # A single sample stands in the middle of the box, as crop_and_resize has it.
    steps = tf.linspace(0.0, 1.0, size) if size > 1 else tf.constant([0.5])
    points = (start[:, None] + (stop - start)[:, None] * steps) * (source - 1)
    pixels = tf.range(source, dtype=tf.float32)
    return tf.nn.relu(1 - tf.abs(points[:, :, None] - pixels))


def _sample_by_products(images: tf.Tensor, boxes: tf.Tensor, size: int) -> tf.Tensor:
    height, width, channels = images.shape[1:]
    rows = _hat_weights(boxes[:, 0], boxes[:, 2], height, size)
    columns = _hat_weights(boxes[:, 1], boxes[:, 3], width, size)
    # (batch, size, height) x (batch, height, width * channels)
    tall = tf.matmul(rows, tf.reshape(images, [-1, height, width * channels]))
    tall = tf.reshape(tall, [-1, size, width, channels])
    return tf.einsum("bsw,bhwc->bhsc", columns, tall)
