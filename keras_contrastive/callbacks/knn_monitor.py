"""kNN accuracy of the trunk's features during `fit`."""

from typing import Any

import keras
import numpy as np

from keras_contrastive.evaluation.batches import examples, has_labels
from keras_contrastive.evaluation.features import FeatureExtractor
from keras_contrastive.evaluation.knn import knn_accuracy

from .feature_monitor import FeatureMonitor


class KNNMonitor(FeatureMonitor):
    """Writes the weighted nearest-neighbour accuracy into the logs of an epoch.

    The features are those of clean images under the trunk in inference mode: no
    weight and no batch-norm statistic changes. Give it a validation split and keep
    the test images for the end: whatever is chosen by this number is chosen on its
    images.

    Put it before the callbacks that read the logs: Keras's `History` comes last by
    itself, but `CSVLogger`, `EarlyStopping` and `ModelCheckpoint` stand where you put
    them. The latter two need `mode="max"`.

    It measures after the first epoch of a `fit`, after each `every`-th and after the
    last, and writes NaN on those between. NaN never counts as an improvement, but
    the patience of `EarlyStopping` counts every epoch: make it several times
    `every`. Where features are not finite, as of a model that diverged, the
    accuracy is NaN too.

    Args:
        train: The bank: a dataset of `{"image", "label", ...}`, one by one or in
            batches, or a pair `(images, labels)` of arrays; uint8, or floats in
            [0, 1]. A dataset is read anew each time: `cache()` a slow one.
        test: The queries, in the same form.
        every: Epochs between measurements, at least 1.
        k: Neighbours that vote; clipped to the bank.
        temperature: Of the vote, above 0.
        batch_size: Images a batch, for data that is not in batches yet.
        image_size: Side in pixels to resize the images to; None leaves them.
        encoder: The trunk; by default the `encoder` of the model in `fit`.
        name: The key in the logs.
        measure_first: Whether the first epoch of a `fit` is measured in any case.

    Raises:
        TypeError: If the data are none of the above.
        ValueError: If labels are missing or a number is too small; at the start of
            `fit` if there is no trunk.
    """

    def __init__(
        self,
        train: Any,
        test: Any,
        every: int = 1,
        k: int = 200,
        temperature: float = 0.1,
        batch_size: int = 256,
        image_size: int | None = None,
        encoder: keras.Layer | None = None,
        name: str = "knn_accuracy",
        measure_first: bool = True,
    ):
        super().__init__((name,), every, batch_size, image_size, encoder, measure_first)
        for argument, value in (("k", k), ("batch_size", batch_size)):
            if value < 1:
                raise ValueError(f"`{argument}` must be at least 1. Received: {value}")
        if not temperature > 0:
            raise ValueError(f"`temperature` must be above 0. Received: {temperature}")
        self.train = self._labelled("train", train)
        self.test = self._labelled("test", test)
        self.k = k
        self.temperature = temperature
        self.name = name

    def measured(self, extract: FeatureExtractor) -> dict[str, float]:
        """Returns the accuracy, in [0, 1]; NaN if a feature is not finite."""
        bank, bank_labels = extract(self.train)
        queries, labels = extract(self.test)
        if not (np.isfinite(bank).all() and np.isfinite(queries).all()):
            return {self.name: float("nan")}
        accuracy = knn_accuracy(
            bank, bank_labels, queries, labels, self.k, self.temperature
        )
        return {self.name: accuracy}

    @staticmethod
    def _labelled(argument: str, source: Any) -> Any:
        dataset = examples(source)
        if not has_labels(dataset):
            raise ValueError(
                f"`{argument}` must have labels. "
                f"Received: only {sorted(dataset.element_spec)}"
            )
        return dataset
