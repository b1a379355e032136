"""Random Gaussian blur with a width of its own for every image."""

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.augment.pixels import as_unit_float
from keras_contrastive.augment.stateless import StatelessAugmentation

# Rows of a block, about: fewer make many small products, more are mostly zeros.
_BLOCK = 32


@keras.saving.register_keras_serializable(package="keras_contrastive")
class GaussianBlur(StatelessAugmentation):
    """Blurs each image with probability `rate`, sigma drawn for each image.

    The kernel is separable, `w(d) ~ exp(-d^2 / (2 sigma^2))` over
    `kernel_share * side` pixels (rounded to an odd number, at least 3), and the border
    is mirrored.

    Source: SimCLR (https://arxiv.org/abs/2002.05709), appendix A: sigma from [0.1, 2],
    a kernel of a tenth of the side, half of the images.

    Args:
        rate: Probability that an image is blurred, in [0, 1].
        sigma: Lowest and highest standard deviation in pixels, above 0.
        kernel_share: Size of the kernel as a share of the image's side, in (0, 1].
        **kwargs: See `StatelessAugmentation`.

    Raises:
        ValueError: If a rate or a range is not one.
    """

    def __init__(
        self,
        rate: float = 0.5,
        sigma: Sequence[float] = (0.1, 2.0),
        kernel_share: float = 0.1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise ValueError(f"`rate` must be a probability. Received: {rate}")
        if not (len(sigma) == 2 and 0 < sigma[0] <= sigma[1]):
            raise ValueError(
                "`sigma` must be a lowest and a highest standard deviation with "
                f"0 < lowest <= highest. Received: {sigma}"
            )
        if not 0 < kernel_share <= 1:
            raise ValueError(
                f"`kernel_share` must be in (0, 1]. Received: {kernel_share}"
            )
        self.rate = rate
        self.sigma = tuple(sigma)
        self.kernel_share = kernel_share

    def draw(
        self, seed: tf.Tensor, count: tf.Tensor | int, images: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Draws `sigma`, `(count,)` in pixels, and `blurred`, `(count,)` bool.

        `weights`, `(count, radius + 1)`, are the kernel's from its middle outwards.
        """
        numbers = _seeded.uniform([count, 2], seed)
        low, high = self.sigma
        sigma = low + (high - low) * numbers[:, 0]
        radius = self.radius(min(images.shape[1:3]))
        weights = tf.exp(-0.5 * (tf.range(radius + 1.0) / sigma[:, None]) ** 2)
        # One weight in the middle, the others on both sides.
        weights /= 2 * tf.reduce_sum(weights, axis=1, keepdims=True) - weights[:, :1]
        return {
            "sigma": sigma,
            "weights": weights,
            "blurred": numbers[:, 1] < self.rate,
        }

    def augment_images(
        self,
        images: tf.Tensor,
        transformations: dict[str, tf.Tensor],
        compilable: bool = False,
        **kwargs: Any,
    ) -> tf.Tensor:
        """Blurs the chosen images alone, or all with a mask where XLA needs shapes."""
        images = as_unit_float(images)
        weights, blurred = transformations["weights"], transformations["blurred"]
        if compilable:
            soft = _blur(images, weights)
            return tf.where(blurred[:, None, None, None], soft, images)
        chosen = tf.where(blurred)
        soft = _blur(tf.gather_nd(images, chosen), tf.gather_nd(weights, chosen))
        return tf.tensor_scatter_nd_update(images, chosen, soft)

    def radius(self, side: int) -> int:
        """Returns half the kernel, rounded down, for an image of `side` pixels."""
        return min(max(1, round(self.kernel_share * side) // 2), side - 1)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "sigma": self.sigma,
            "kernel_share": self.kernel_share,
        }


def _blur(images: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    height, width, channels = images.shape[1:]
    bands = {side: _bands(weights, side) for side in {height, width}}
    for side, other in ((height, width), (width, height)):
        lines = tf.reshape(images, [-1, side, other * channels])
        lines = _filtered(lines, bands[side], weights.shape[1] - 1)
        images = tf.reshape(lines, [-1, side, other, channels])
        images = tf.transpose(images, [0, 2, 1, 3])
    # The weights sum to 1 but for rounding.
    return tf.raw_ops.ClipByValue(t=images, clip_value_min=0.0, clip_value_max=1.0)


def _bands(weights: tf.Tensor, side: int) -> tf.Tensor:
    """Returns the matrices that blur a line with its border mirrored.

    Args:
        weights: Of the distances from 0 up, `(batch, distances)`.
        side: Pixels of a line.

    Returns:
        `(batch, side, side)`.
    """
    to, of = np.arange(side)[:, None], np.arange(side)
    last = side - 1
    # To a pixel and to its images in both mirrors, in which the border has none.
    mirrored = (
        np.where(of > 0, to + of, -1),
        np.where(of < last, 2 * last - to - of, -1),
    )
    distances = np.stack([np.abs(to - of), *mirrored])
    counts = distances == np.arange(weights.shape[1])[:, None, None, None]
    counts = counts.sum(1).reshape(-1, side * side).astype(np.float32)
    return tf.reshape(tf.matmul(weights, counts), [-1, side, side])


def _filtered(lines: tf.Tensor, bands: tf.Tensor, radius: int) -> tf.Tensor:
    """Multiplies `(batch, side, side)` with `(batch, side, n)`, by blocks of rows.

    Every image has a kernel of its own, so it is no convolution, and a sum of shifted
    images reads them once for each weight. Of a block's rows nothing but the band is
    multiplied.
    """
    side = lines.shape[1]
    count = max(1, round(side / _BLOCK))
    edges = [side * block // count for block in range(count + 1)]
    blocks = []
    for start, stop in itertools.pairwise(edges):
        low, high = max(0, start - radius), min(side, stop + radius)
        blocks.append(tf.matmul(bands[:, start:stop, low:high], lines[:, low:high]))
    return blocks[0] if count == 1 else tf.concat(blocks, axis=1)
