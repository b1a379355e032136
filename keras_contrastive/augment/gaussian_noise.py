"""Gaussian noise on points of any rank."""

import math
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.augment.corruption import Corruption, numbers_of


@keras.saving.register_keras_serializable(package="keras_contrastive")
class GaussianNoise(Corruption):
    """Adds noise of one standard deviation to every number: x + sigma n, n ~ N(0, I).

    The noise is as large as the points, so each replica draws its own, from the seed
    and where its rows begin; a batch on several replicas has other noise than the same
    batch on one.

    Source: Vincent et al. 2010, "Stacked Denoising Autoencoders", section 3.

    Args:
        stddev: sigma, at least 0, in the units of the points.
        clip: Whether to cut the result off to [0, 1].
        **kwargs: See `StatelessAugmentation`.

    Raises:
        ValueError: If `stddev` is negative or not finite.
    """

    def __init__(self, stddev: float, clip: bool = False, **kwargs: Any):
        super().__init__(clip, **kwargs)
        if not 0 <= stddev < math.inf:
            raise ValueError(
                f"`stddev` must be a finite number of at least 0. Received: {stddev}"
            )
        self.stddev = float(stddev)

    def get_random_transformation_batch(
        self,
        batch_size: tf.Tensor | int,
        images: tf.Tensor | None = None,
        seed: Any = None,
        offset: tf.Tensor | int = 0,
        total: tf.Tensor | int | None = None,
        **kwargs: Any,
    ) -> dict[str, tf.Tensor]:
        """Draws `noise`, as the points, for these rows alone."""
        seed = self.seed_of_call(seed)
        own = _seeded.fold_in(seed, tf.cast(offset, tf.int64))
        return {"noise": _seeded.normal([batch_size, *numbers_of(images)], own)}

    def corrupt(self, x: tf.Tensor, drawn: dict[str, tf.Tensor]) -> tf.Tensor:
        """Adds the noise."""
        return x + self.stddev * drawn["noise"]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "stddev": self.stddev}
