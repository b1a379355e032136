"""Spread and rank of the trunk's features during `fit`, without any label."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive.evaluation.batches import (
    clean_batches,
    examples,
    single_examples,
)
from keras_contrastive.evaluation.features import FeatureExtractor
from keras_contrastive.evaluation.representation import (
    effective_rank,
    feature_std,
    uniformity,
)

from .feature_monitor import FeatureMonitor

NAMES = ("effective_rank", "uniformity", "feature_std")


class RepresentationMonitor(FeatureMonitor):
    """Writes effective rank, uniformity and feature spread into the logs of an epoch.

    They are measured on the same clean images every time, under the trunk in
    inference mode: no weight and no batch-norm statistic changes. A collapse shows
    as a uniformity near 0, a spread near 0 and an effective rank near 1; see
    `keras_contrastive.evaluation`. When it measures, and where to put it in the list
    of callbacks, is as for `KNNMonitor`. Features that are not finite give NaN.

    Args:
        images: A dataset of `{"image", ...}`, pairs or bare images, one by one or in
            batches, or an array `(n, height, width, channels)`; uint8, or floats in
            [0, 1]. The first `size` are read once and kept.
        every: Epochs between measurements, at least 1.
        size: Images to keep, at least 2. The rank cannot exceed it.
        batch_size: Images a batch through the trunk.
        image_size: Side in pixels to resize the images to; None leaves them.
        encoder: The trunk; by default the `encoder` of the model in `fit`.

    Raises:
        TypeError: If the data are none of the above.
        ValueError: If there are fewer than two images or a number is too small; at
            the start of `fit` if there is no trunk.
    """

    def __init__(
        self,
        images: Any,
        every: int = 1,
        size: int = 1024,
        batch_size: int = 256,
        image_size: int | None = None,
        encoder: keras.Layer | None = None,
    ):
        super().__init__(NAMES, every, batch_size, None, encoder)
        if size < 2:
            raise ValueError(f"`size` must be at least 2. Received: {size}")
        kept = single_examples(examples(images)).take(size)
        batches = [x["image"] for x in clean_batches(kept, batch_size, image_size)]
        self.images = tf.concat(batches, axis=0).numpy() if batches else np.empty(0)
        if len(self.images) < 2:
            raise ValueError(
                f"`images` must hold at least two images. Received: {len(self.images)}"
            )

    def measured(self, extract: FeatureExtractor) -> dict[str, float]:
        """Returns the three numbers; NaN if a feature is not finite."""
        features, _ = extract(self.images)
        if not np.isfinite(features).all():
            return dict.fromkeys(NAMES, float("nan"))
        numbers = effective_rank(features), uniformity(features), feature_std(features)
        return dict(zip(NAMES, numbers, strict=True))
