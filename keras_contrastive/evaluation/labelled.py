"""Labelled images for training: read once to be checked, drawn from, in batches."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from .batches import clean_batches, examples, has_labels, in_unit_range, single_examples
from .checks import checked_labels

Augment = Callable[..., tf.Tensor]
_SHUFFLE_BUFFER = 10_000


class Labelled(NamedTuple):
    """What `labelled` returns.

    Attributes:
        examples: Elements of `{"image", "label"}`, one by one.
        labels: In their order, `(n,)`.
    """

    examples: tf.data.Dataset
    labels: np.ndarray


def labelled(name: str, source: Any, num_classes: int) -> Labelled:
    """Reads a set once, to check it and to know its labels.

    Args:
        name: The argument's name, for the error message.
        source: As for `fine_tune`; what this function returned is not read
            again.
        num_classes: Labels are from 0 to below it.

    Raises:
        ValueError: If labels are missing or out of range, there are no images, or
            pixels are outside [0, 1].
    """
    found = source if isinstance(source, Labelled) else _read(name, source)
    labels = found.labels
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"The labels of `{name}` must be in 0 to {num_classes - 1}. "
            f"Received: {labels.min()} to {labels.max()}"
        )
    return found


def _read(name: str, source: Any) -> Labelled:
    dataset = examples(source)
    if not has_labels(dataset):
        raise ValueError(
            f"`{name}` must have labels. Received: {sorted(dataset.element_spec)}"
        )
    dataset = single_examples(dataset)
    facts = dataset.map(lambda x: (x["label"], in_unit_range(x["image"])))
    facts = list(facts.as_numpy_iterator())
    if not facts:
        raise ValueError(f"`{name}` must hold images. Received: none")
    for number, (_, fits) in enumerate(facts):
        if not fits:
            raise ValueError(
                f"The images of `{name}` must be uint8, or floats in [0, 1] without "
                f"NaN. Received: image {number} outside"
            )
    labels = np.array([label for label, _ in facts])
    labels = checked_labels(f"the labels of {name}", labels, len(labels))
    return Labelled(dataset, labels)


def subset(
    dataset: tf.data.Dataset, labels: np.ndarray, rows: np.ndarray
) -> tf.data.Dataset:
    """Returns the examples at these row numbers, kept in memory."""
    keep = tf.constant(np.isin(np.arange(len(labels)), rows))
    kept = dataset.enumerate().filter(lambda row, _: keep[row])
    kept = kept.map(lambda _, example: example).cache()
    found = [label for label in kept.map(lambda x: x["label"]).as_numpy_iterator()]
    if not np.array_equal(found, labels[rows]):
        raise ValueError(
            "With `labels_per_class`, `train` must give the same order every time: "
            "leave out `shuffle`, or pass `reshuffle_each_iteration=False`. "
            "Received: a dataset whose labels changed places between two readings"
        )
    return kept


def training_batches(
    dataset: tf.data.Dataset,
    count: int,
    batch_size: int,
    augment: Augment | None,
    image_size: int | None,
    seed: int,
) -> tf.data.Dataset:
    """Returns shuffled batches of (images, labels), augmented if asked."""
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(count))
    dataset = dataset.shuffle(min(count, _SHUFFLE_BUFFER), seed=seed)
    batches = clean_batches(dataset, batch_size, image_size)
    if count > batch_size:
        batches = batches.take(count // batch_size)
    # One pair of integers a batch, drawn by the dataset: the order in which parallel
    # calls run then decides nothing.
    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).batch(2)

    def prepared(example, pair):
        images = example["image"]
        if augment is not None:
            images = augment(images, seed=pair)
        return images, example["label"]

    batches = tf.data.Dataset.zip(batches, seeds)
    return batches.map(prepared, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
