"""Random Gaussian blur with a width of its own for every image."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.augment.pixels import as_unit_float
from keras_contrastive.augment.stateless import StatelessAugmentation


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
        """Draws `sigma`, `(count,)` in pixels, and `blurred`, `(count,)` bool."""
        numbers = _seeded.uniform([count, 2], seed)
        low, high = self.sigma
        return {
            "sigma": low + (high - low) * numbers[:, 0],
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
        sigma, blurred = transformations["sigma"], transformations["blurred"]
        if compilable:
            soft = self._blur(images, sigma)
            return tf.where(blurred[:, None, None, None], soft, images)
        chosen = tf.where(blurred)
        soft = self._blur(tf.gather_nd(images, chosen), tf.gather_nd(sigma, chosen))
        return tf.tensor_scatter_nd_update(images, chosen, soft)

    def _blur(self, images: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
        radius = self.radius(min(images.shape[1], images.shape[2]))
        offsets = tf.range(-radius, radius + 1, dtype=tf.float32)
        weights = tf.exp(-0.5 * tf.square(offsets / sigma[:, None]))
        weights /= tf.reduce_sum(weights, axis=1, keepdims=True)
        for axis in (1, 2):
            images = _filtered(images, weights, radius, axis)
        # The weights sum to 1 but for rounding.
        return tf.clip_by_value(images, 0, 1)

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


def _filtered(images: tf.Tensor, weights: tf.Tensor, radius: int, axis: int):
    """Correlates `(batch, height, width, channels)` with `(batch, taps)` on an axis.

    A sum of shifted images, not a convolution: every image has a kernel of its own,
    and the symmetric taps share one product.
    """
    side = images.shape[axis]

    def part(source: tf.Tensor, start: int, stop: int) -> tf.Tensor:
        index = [slice(None)] * 4
        index[axis] = slice(start, stop)
        return source[tuple(index)]

    # By hand, because TensorFlow's mirroring refuses an empty batch, which is what
    # it gets when chance blurs none of the images.
    before = tf.reverse(part(images, 1, radius + 1), [axis])
    after = tf.reverse(part(images, side - radius - 1, side - 1), [axis])
    padded = tf.concat([before, images, after], axis)

    taps = weights[:, :, None, None, None]
    total = taps[:, radius] * images
    for step in range(radius):
        mirror = 2 * radius - step
        pair = part(padded, step, step + side) + part(padded, mirror, mirror + side)
        total += taps[:, step] * pair
    return total
