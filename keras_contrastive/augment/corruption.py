"""What a corruption is: noise on points of any rank, a function of a seed."""

from typing import Any

import tensorflow as tf

from keras_contrastive.augment.pixels import as_unit_float
from keras_contrastive.augment.stateless import StatelessAugmentation


class Corruption(StatelessAugmentation):
    """A layer that damages points, for a denoising autoencoder to mend.

    Unlike an augmentation it takes points of any rank, `(batch, ...)`, and cuts nothing
    off unless asked, because a point beyond [0, 1] is still a point. It draws as every
    augmentation here does, from (seed, row of the global batch).

    Args:
        clip: Whether to cut the result off to [0, 1].
        **kwargs: See `StatelessAugmentation`.
    """

    def __init__(self, clip: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.clip = clip

    def corrupt(self, x: tf.Tensor, drawn: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns damaged points.

        Args:
            x: `(batch, ...)` float32.
            drawn: What `draw` returned, for these points.
        """
        raise NotImplementedError

    def augment_images(
        self,
        images: tf.Tensor,
        transformations: dict[str, tf.Tensor],
        compilable: bool = False,
        **kwargs: Any,
    ) -> tf.Tensor:
        """Damages points, `(batch, ...)`, of any rank."""
        x = self.corrupt(as_unit_float(images), transformations)
        return tf.clip_by_value(x, 0.0, 1.0) if self.clip else x

    def call(
        self,
        inputs: Any,
        seed: Any = None,
        offset: tf.Tensor | int = 0,
        total: tf.Tensor | int | None = None,
        compilable: bool = False,
    ) -> Any:
        """Damages points, or the `"images"` of a keras-cv dictionary.

        Args:
            inputs: `(batch, ...)` of any rank above 1: floats, or uint8, which become
                floats in [0, 1]; or a dictionary with such `"images"`.
            seed: Two integers that fix every random number; None draws them from the
                layer's own generator.
            offset: Index of the first of these points in the global batch.
            total: Size of the global batch; None when these points are all of it.
            compilable: Ignored: all of it compiles.

        Returns:
            The same structure and shape, float32.

        Raises:
            ValueError: If the points have no batch axis.
        """
        if isinstance(inputs, dict):
            return super().call(inputs, seed, offset, total, compilable)
        x = tf.convert_to_tensor(inputs)
        if x.shape.rank is not None and x.shape.rank < 2:
            raise ValueError(
                "`inputs` must be points of shape (batch, ...). "
                f"Received: shape {x.shape}"
            )
        damaged = self.changed(x, seed, offset, total, compilable)
        return tf.ensure_shape(damaged, x.shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "clip": self.clip}


def check_rate(rate: float) -> float:
    """Returns a probability.

    Raises:
        ValueError: If it is not in [0, 1].
    """
    # Written so that a NaN, which compares false with everything, is refused.
    if not 0 <= rate <= 1:
        raise ValueError(f"`rate` must be in [0, 1]. Received: {rate}")
    return float(rate)


def numbers_of(x: tf.Tensor) -> list[Any]:
    """Returns the shape of a point, static where it is known."""
    dynamic = tf.shape(x)
    return [
        dynamic[axis] if size is None else size
        for axis, size in enumerate(x.shape)
        if axis
    ]
