"""Random rotation, shift, scale and shear in one bilinear sampling."""

import math
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.augment.pixels import as_unit_float
from keras_contrastive.augment.stateless import StatelessAugmentation


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomAffine(StatelessAugmentation):
    """Turns, shifts, scales and shears each image, and resizes it, in one sampling.

    For characters and other images in which a crop or a flip would change what is
    shown. A point of the output, measured from the centre in shares of the side, is
    read at

        R(2 pi turn) [[1, shear], [0, 1]] diag(e^-sx, e^-sy) point - shift

    of the input, bilinearly; outside the input is black.

    Args:
        image_size: Side of the output in pixels.
        rotation: Largest turn either way, as a share of a full turn, in [0, 0.5].
        shift: Largest shift either way, as a share of the side, in [0, 1].
        scale: Largest change of size, at least 1: each axis is stretched by a factor
            from [1 / scale, scale], uniform in its logarithm.
        shear: Largest shear either way, at least 0.
        **kwargs: See `StatelessAugmentation`.

    Raises:
        ValueError: If a size or a range is not one.
    """

    def __init__(
        self,
        image_size: int,
        rotation: float = 0.05,
        shift: float = 0.1,
        scale: float = 1.2,
        shear: float = 0.2,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not isinstance(image_size, int) or image_size < 1:
            raise ValueError(
                f"`image_size` must be a positive integer. Received: {image_size!r}"
            )
        for name, value, low, high in (
            ("rotation", rotation, 0, 0.5),
            ("shift", shift, 0, 1),
            ("scale", scale, 1, math.inf),
            ("shear", shear, 0, math.inf),
        ):
            if not low <= value <= high:
                raise ValueError(
                    f"`{name}` must be in [{low}, {high}]. Received: {value}"
                )
        self.image_size = image_size
        self.rotation = rotation
        self.shift = shift
        self.scale = scale
        self.shear = shear

    def draw(
        self, seed: tf.Tensor, count: tf.Tensor | int, images: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Draws `matrix`, `(count, 2, 2)`, and `shift`, `(count, 2)`, as (x, y)."""
        numbers = _seeded.uniform([count, 6], seed, -1.0, 1.0)
        angle = 2 * math.pi * self.rotation * numbers[:, 0]
        size = tf.exp(-math.log(self.scale) * numbers[:, 1:3])
        shear = self.shear * numbers[:, 3]
        cos, sin = tf.cos(angle), tf.sin(angle)
        matrix = tf.stack(
            [
                tf.stack([cos, shear * cos - sin], axis=1),
                tf.stack([sin, shear * sin + cos], axis=1),
            ],
            axis=1,
        )
        return {"matrix": matrix * size[:, None], "shift": self.shift * numbers[:, 4:]}

    def augment_images(
        self,
        images: tf.Tensor,
        transformations: dict[str, tf.Tensor],
        compilable: bool = False,
        **kwargs: Any,
    ) -> tf.Tensor:
        """Samples the images: one fused operation, or four gathers for XLA."""
        images = as_unit_float(images)
        rows = self._pixel_map(images, transformations)
        if compilable:
            return _sample_by_gathers(images, rows, self.image_size)
        batch = tf.shape(images)[0]
        projective = tf.concat([tf.reshape(rows, [-1, 6]), tf.zeros([batch, 2])], 1)
        sampled = tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=projective,
            output_shape=[self.image_size, self.image_size],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="CONSTANT",
        )
        # The operation forgets the batch's static size.
        return tf.ensure_shape(
            sampled,
            [images.shape[0], self.image_size, self.image_size, images.shape[-1]],
        )

    def _pixel_map(self, images: tf.Tensor, transformations: dict) -> tf.Tensor:
        """Rows `(batch, 2, 3)` that take an output pixel (x, y, 1) to an input pixel.

        Pixel i of n stands at the share (i + 1/2) / n - 1/2 from the centre.
        """
        sides = tf.constant([images.shape[2], images.shape[1]], tf.float32)
        matrix = transformations["matrix"] * (sides[:, None] / self.image_size)
        centre = (self.image_size - 1) / 2
        start = (sides - 1) / 2 - sides * transformations["shift"]
        offset = start - tf.reduce_sum(matrix, axis=2) * centre
        return tf.concat([matrix, offset[:, :, None]], axis=2)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "rotation": self.rotation,
            "shift": self.shift,
            "scale": self.scale,
            "shear": self.shear,
        }


def _sample_by_gathers(images: tf.Tensor, rows: tf.Tensor, size: int) -> tf.Tensor:
    height, width, channels = images.shape[1:]
    y, x = tf.meshgrid(*[tf.range(size, dtype=tf.float32)] * 2, indexing="ij")
    grid = tf.reshape(tf.stack([x, y, tf.ones_like(x)], axis=-1), [-1, 3])
    # (batch, size * size, 2) as (x, y)
    points = tf.einsum("brk,pk->bpr", rows, grid)
    corner = tf.floor(points)
    share = points - corner
    flat = tf.reshape(images, [-1, height * width, channels])
    total = 0.0
    for dx in (0.0, 1.0):
        for dy in (0.0, 1.0):
            at = corner + tf.constant([dx, dy])
            inside = tf.reduce_all(
                (at >= 0) & (at <= [width - 1.0, height - 1.0]), axis=-1
            )
            weights = tf.reduce_prod(1 - tf.abs(share - tf.constant([dx, dy])), axis=-1)
            weights *= tf.cast(inside, tf.float32)
            at = tf.cast(tf.clip_by_value(at, 0, [width - 1.0, height - 1.0]), tf.int32)
            index = at[..., 1] * width + at[..., 0]
            total += weights[..., None] * tf.gather(flat, index, batch_dims=1)
    return tf.reshape(total, [-1, size, size, channels])
