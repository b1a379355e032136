"""Spread, rank and closeness of the trunk's features during `fit`, without labels."""

import warnings
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive.evaluation.batches import (
    check_unit_range,
    clean_batches,
    examples,
    single_examples,
)
from keras_contrastive.evaluation.features import FeatureExtractor
from keras_contrastive.evaluation.representation import (
    alignment,
    effective_rank,
    feature_std,
    uniformity,
)
from keras_contrastive.models.views import takes_seed

from .collapse import CollapseWarning, diagnose
from .evidence import Evidence, Look
from .feature_monitor import FeatureMonitor

NAMES = ("effective_rank", "uniformity", "feature_std")


class RepresentationMonitor(FeatureMonitor):
    """Writes effective rank, uniformity and feature spread into the logs of an epoch.

    They are measured on the same clean images every time, under the trunk in
    inference mode: no weight and no batch-norm statistic changes. A collapse shows
    as a uniformity near 0, a spread near 0 and an effective rank near 1; see
    `keras_contrastive.evaluation`. Given an augmentation, or pairs, it writes the
    `alignment` of two views, too, the same views every time. When it measures, and
    where to put it in the list of callbacks, is as for `KNNMonitor`. Features that
    are not finite give NaN.

    It warns with a `CollapseWarning` that names the likely cause, each once a fit:

    - of features that are not finite;
    - of a complete collapse: features, or the embeddings whose `embedding_std` the
      model reports, with less than 2% of an even spread's standard deviation;
    - of a dimensional collapse: an effective rank about the mean below 2 of 8 or more;
    - of views that are a thousand times nearer than two images, in squared distance,
      before the training and when it is first measured.

    Of these the gravest alone. What it takes for the cause follows from what it sees
    in the features, before training too, in the logs and in the model, and stays a
    guess.

    Args:
        images: A dataset of `{"image", ...}`, pairs or bare images, one by one or in
            batches, or an array `(n, height, width, channels)`; uint8, or floats in
            [0, 1]. The first `size` are read once and kept.
        every: Epochs between measurements, at least 1.
        size: Images to keep, at least 2. The rank cannot exceed it.
        batch_size: Images a batch through the trunk.
        image_size: Side in pixels to resize the images to; None leaves them.
        encoder: The trunk; by default the `encoder` of the model in `fit`.
        augment: Layer that makes the two views of the images, such as the model's.
        pairs: Two views of other images, two arrays `(m, height, width, channels)`,
            in place of `augment`.
        seed: Seed of the views.
        measure_first: Whether the first epoch of a `fit` is measured in any case.

    Attributes:
        before: The features before training.
        now: Those of the epoch that has just ended; None if it was not measured.

    Raises:
        TypeError: If the data are none of the above, or `augment` is not a layer.
        ValueError: If there are fewer than two images or a number is too small, or
            both `augment` and `pairs` are given; at the start of `fit` if there is no
            trunk.
    """

    def __init__(
        self,
        images: Any,
        every: int = 1,
        size: int = 1024,
        batch_size: int = 256,
        image_size: int | None = None,
        encoder: keras.Layer | None = None,
        augment: keras.Layer | None = None,
        pairs: tuple[Any, Any] | None = None,
        seed: int = 0,
        measure_first: bool = True,
    ):
        names = NAMES if augment is None and pairs is None else (*NAMES, "alignment")
        super().__init__(names, every, batch_size, None, encoder, measure_first)
        if size < 2:
            raise ValueError(f"`size` must be at least 2. Received: {size}")
        kept = single_examples(examples(images)).take(size)
        self.images = _clean(kept, batch_size, image_size)
        if len(self.images) < 2:
            raise ValueError(
                f"`images` must hold at least two images. Received: {len(self.images)}"
            )
        if augment is not None and pairs is not None:
            raise ValueError(
                "`augment` and `pairs` must not be given both: either makes the views. "
                f"Received: {augment!r} and {len(pairs)} arrays"
            )
        self.pairs = _checked_pairs(pairs, batch_size) if augment is None else None
        if augment is not None:
            self.pairs = _views(self.images, augment, seed, batch_size)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Finds the trunk, and looks at its features before training."""
        super().on_train_begin(logs)
        self._warned: set[str] = set()
        self.before = self._look(self._extract)
        self.now: Look | None = None
        self._first = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the numbers, or NaN, into the logs; warns of a collapse."""
        logs = {} if logs is None else logs
        self.now = None
        super().on_epoch_end(epoch, logs)
        if self.now is not None:
            self._warn(epoch + 1, logs)
            self._first = False

    def measured(self, extract: FeatureExtractor) -> dict[str, float]:
        """Returns the numbers; NaN if a feature is not finite."""
        self.now = self._look(extract)
        if not self.now.finite:
            return dict.fromkeys(self.names, float("nan"))
        features = self.now.features
        numbers = [
            effective_rank(features),
            uniformity(features),
            feature_std(features),
        ]
        if self.now.views is not None:
            numbers.append(alignment(*self.now.views))
        return dict(zip(self.names, numbers, strict=True))

    def _look(self, extract: FeatureExtractor) -> Look:
        features = extract.of_clean(self.images)
        if self.pairs is None:
            return Look(features)
        return Look(features, tuple(extract.of_clean(view) for view in self.pairs))

    def _warn(self, epoch: int, logs: dict[str, Any]) -> None:
        same = self.pairs is not None and np.array_equal(*self.pairs)
        found = diagnose(
            Evidence(
                epoch=epoch,
                first=self._first,
                before=self.before,
                now=self.now,
                alike=bool((self.images == self.images[0]).all()),
                same_pixels=same,
                model=self.model,
                logs=logs,
            )
        )
        if found is not None and found[0] not in self._warned:
            self._warned.add(found[0])
            warnings.warn(found[1], CollapseWarning, stacklevel=2)


def _clean(
    dataset: tf.data.Dataset, batch_size: int, image_size: int | None = None
) -> np.ndarray:
    """Returns images as the trunk takes them, `(n, height, width, channels)`."""
    batches = []
    for batch in clean_batches(dataset, batch_size, image_size):
        check_unit_range(batch["image"])
        batches.append(batch["image"])
    return tf.concat(batches, axis=0).numpy() if batches else np.empty(0)


def _views(
    images: np.ndarray, augment: keras.Layer, seed: int, batch_size: int
) -> list[np.ndarray]:
    """Returns two views of all images, drawn from the seed where the layer can."""
    if not isinstance(augment, keras.Layer):
        raise TypeError(
            "`augment` must be a Keras layer, as `kc.augment.simclr` makes. "
            f"Received: {augment!r}"
        )
    views = []
    for view in range(2):
        made = []
        for start in range(0, len(images), batch_size):
            batch = tf.constant(images[start : start + batch_size])
            drawn = (
                {"seed": [seed, view], "offset": start, "total": len(images)}
                if takes_seed(augment)
                else {"training": True}
            )
            # A layer of another origin may overshoot the range of pixels.
            made.append(tf.clip_by_value(augment(batch, **drawn), 0.0, 1.0))
        views.append(tf.concat(made, axis=0).numpy())
    return views


def _checked_pairs(
    pairs: tuple[Any, Any] | None, batch_size: int
) -> list[np.ndarray] | None:
    if pairs is None:
        return None
    views = [np.asarray(view) for view in pairs]
    shapes = [view.shape for view in views]
    if len(views) != 2 or shapes[0] != shapes[1] or len(shapes[0]) != 4:
        raise ValueError(
            "`pairs` must be two arrays of one shape (n, height, width, channels). "
            f"Received: shapes {shapes}"
        )
    if len(views[0]) < 2:
        raise ValueError(
            f"`pairs` must hold at least two images. Received: {len(views[0])}"
        )
    return [_clean(examples(view), batch_size) for view in views]
