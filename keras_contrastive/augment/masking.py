"""Hiding pixels, or patches of them."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.augment.corruption import Corruption, check_rate, numbers_of


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Masking(Corruption):
    """Sets each pixel, or each patch of pixels, to 0 with one probability.

    A pixel of an image goes with all its channels; of other points each number goes by
    itself.

    Source: Vincent et al. 2008, "Extracting and Composing Robust Features with
    Denoising Autoencoders"; there a fixed share of each point is hidden, here that
    share is the mean.

    Args:
        rate: Probability of being hidden, in [0, 1].
        patch_size: Side of square patches that are hidden as a whole, for images
            `(batch, height, width, channels)` alone; None: pixels.
        clip: Whether to cut the result off to [0, 1].
        **kwargs: See `StatelessAugmentation`.

    Raises:
        ValueError: If `rate` is not in [0, 1] or `patch_size` is no positive integer.
    """

    def __init__(
        self,
        rate: float,
        patch_size: int | None = None,
        clip: bool = False,
        **kwargs: Any,
    ):
        super().__init__(clip, **kwargs)
        self.rate = check_rate(rate)
        if patch_size is not None and (
            not isinstance(patch_size, int) or patch_size < 1
        ):
            raise ValueError(
                f"`patch_size` must be a positive integer. Received: {patch_size!r}"
            )
        self.patch_size = patch_size

    def draw(
        self, seed: tf.Tensor, count: tf.Tensor | int, images: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Draws `kept`, one number a pixel or patch: 1 where it is kept, else 0."""
        shape = numbers_of(images)
        if self.patch_size is not None:
            shape = self._patches(images)
        elif images.shape.rank == 4:
            shape[-1] = 1
        kept = _seeded.uniform([count, *shape], seed) >= self.rate
        return {"kept": tf.cast(kept, tf.float32)}

    def corrupt(self, x: tf.Tensor, drawn: dict[str, tf.Tensor]) -> tf.Tensor:
        """Multiplies by what is kept."""
        kept = drawn["kept"]
        if self.patch_size is not None:
            kept = tf.repeat(tf.repeat(kept, self.patch_size, 1), self.patch_size, 2)
        return x * kept

    def _patches(self, images: tf.Tensor) -> list[int]:
        """Returns the shape of a mask with one number a patch."""
        sides = images.shape[1:3]
        if (
            images.shape.rank != 4
            or not sides.is_fully_defined()
            or any(side % self.patch_size for side in sides)
        ):
            raise ValueError(
                "`inputs` must be images (batch, height, width, channels) whose sides "
                f"are multiples of patch_size={self.patch_size}. "
                f"Received: shape {images.shape}"
            )
        return [*(side // self.patch_size for side in sides), 1]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "patch_size": self.patch_size,
        }
