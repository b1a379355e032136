"""What features are worth: the table that pretraining and evaluation print."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive import evaluation

# Pixels above this side say no more to a linear probe and take its time.
_PIXEL_SIDE = 32
# 200, the field's number for 50,000 images, would let the far ones of a small set vote.
NEIGHBOURS = 20
_BUDGETS = (1, 5)


def pixels(images: tf.data.Dataset, image_size: int) -> np.ndarray:
    """Returns images as vectors in [0, 1], `(n, side * side * channels)`."""
    side = min(image_size, _PIXEL_SIDE)

    def vector(element: dict[str, tf.Tensor]) -> tf.Tensor:
        image = tf.cast(element["image"], tf.float32) / 255
        if image.shape[:2] != (side, side):
            image = tf.image.resize(image, (side, side), antialias=True)
        return tf.reshape(image, [-1])

    return np.stack(list(images.map(vector).as_numpy_iterator()))


def table(
    train: tf.data.Dataset,
    test: tf.data.Dataset,
    encoders: Mapping[str, keras.layers.Layer],
    image_size: int,
    labels_per_class: Sequence[int | None] | None = None,
    draws: int = 5,
    seed: int = 0,
) -> dict[str, Any]:
    """Measures raw pixels and encoders at several label budgets.

    Args:
        train: Labelled images whose labels are drawn.
        test: Labelled images that are held out.
        encoders: Trunks by the name that the table shows.
        image_size: Side that the trunks take.
        labels_per_class: Budgets, in which None stands for all labels. By default 1, 5
            and all, as far as the smallest class has so many.
        draws: Draws a budget.
        seed: Of the draws.

    Returns:
        Results of `kc.evaluation.label_efficiency` by representation, of the 20
        nearest neighbours.
    """
    sets = {"train": train, "test": test}
    labels = {
        name: np.array([x["label"] for x in data.as_numpy_iterator()])
        for name, data in sets.items()
    }
    if labels_per_class is None:
        fewest = np.unique(labels["train"], return_counts=True)[1].min()
        labels_per_class = [*(x for x in _BUDGETS if x <= fewest), None]
    features = {
        "raw pixels": {name: pixels(data, image_size) for name, data in sets.items()}
    }
    for name, encoder in encoders.items():
        extract = evaluation.FeatureExtractor(encoder, image_size=image_size)
        features[name] = {key: extract(data)[0] for key, data in sets.items()}
    return {
        name: evaluation.label_efficiency(
            found["train"],
            labels["train"],
            found["test"],
            labels["test"],
            labels_per_class=labels_per_class,
            draws=draws,
            seed=seed,
            k=NEIGHBOURS,
        )
        for name, found in features.items()
    }
