"""What features are worth: the table that pretraining and evaluation print."""

import functools
import sys
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive import evaluation

# Averaged down to this side, images are worth about the same (to the neighbours more),
# and a linear probe on them takes a third of the time of one on 32 x 32.
_PIXEL_SIDE = 16
# 200, the field's number for 50,000 images, would let the far ones of a small set vote.
NEIGHBOURS = 20
_BUDGETS = (1, 5)
UNTRAINED, PRETRAINED = "untrained encoder", "pretrained encoder"

Results = dict[str, list[evaluation.LabelEfficiency]]


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
) -> Results:
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
    small = f", {_PIXEL_SIDE} x {_PIXEL_SIDE}" if image_size > _PIXEL_SIDE else ""
    represented: dict[str, Callable[[tf.data.Dataset], np.ndarray]] = {
        f"raw pixels{small}": functools.partial(pixels, image_size=image_size)
    }
    for name, encoder in encoders.items():
        extract = evaluation.FeatureExtractor(encoder, image_size=image_size)
        represented[name] = functools.partial(_features, extract)
    results = {}
    for name, represent in represented.items():
        announce(name)
        results[name] = evaluation.label_efficiency(
            represent(train),
            labels["train"],
            represent(test),
            labels["test"],
            labels_per_class=labels_per_class,
            draws=draws,
            seed=seed,
            k=NEIGHBOURS,
        )
    return results


def announce(name: str) -> None:
    """Says which row of the table is measured now: one may take a minute."""
    print(f"Measuring: {name}", file=sys.stderr, flush=True)


def hints(results: Results, held_out: int) -> list[str]:
    """Returns what whoever reads the table should know, if there is such.

    Args:
        results: As `table` returns them.
        held_out: Number of images that accuracy was read on.
    """
    lines = []
    if held_out < 100:
        lines.append(
            f"One of the {held_out} held-out images is {100 / held_out:.1f} points: "
            "smaller differences say nothing."
        )
    means = {
        name: np.mean([[x.knn_mean, x.linear_mean] for x in row])
        for name, row in results.items()
    }
    ours = next((name for name in means if name.startswith(PRETRAINED)), None)
    if ours and UNTRAINED in means and means[ours] <= means[UNTRAINED]:
        lines.append(
            f"The {ours} is not above the untrained one: more steps, other views or "
            "another --learning_rate may help. To choose, keras-contrastive evaluate "
            "has --split=validation."
        )
    return lines


def _features(
    extract: evaluation.FeatureExtractor, images: tf.data.Dataset
) -> np.ndarray:
    return extract(images)[0]
