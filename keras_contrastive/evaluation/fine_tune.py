"""Fine-tuning: a linear head on the trunk, both trained on few or all labels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .batches import clean_batches, examples, has_labels, in_unit_range, single_examples
from .checks import check_positive, checked_labels
from .features import check_image_shape
from .few_labels import class_balanced_subset

Augment = Callable[..., tf.Tensor]
_SHUFFLE_BUFFER = 10_000


@dataclass(frozen=True)
class FineTuneResult:
    """What `fine_tune` returns.

    Attributes:
        model: The classifier, from float images in [0, 1] to logits
            `(batch, num_classes)`; the trunk that was trained is in it.
        accuracy: On the test images, in [0, 1].
        history: Loss and accuracy on the training batches, one number an epoch.
    """

    model: keras.Model
    accuracy: float
    history: dict[str, list[float]]


def fine_tune(
    encoder: keras.Layer,
    train: Any,
    test: Any,
    num_classes: int,
    epochs: int = 20,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    labels_per_class: int | None = None,
    augment: Augment | None = None,
    image_size: int | None = None,
    copy: bool = True,
    seed: int = 0,
    verbose: int = 0,
) -> FineTuneResult:
    """Trains a linear head and the trunk under it, and measures the classifier.

    Adam with a learning rate that falls to 0 along a cosine; the trunk runs in
    training mode while it is trained (its batch-norm statistics move) and in
    inference mode in the test. The head starts at zero, so that the first step moves
    the head alone and no random head disturbs the trunk. There is no choice of
    epochs or settings on the test images.

    Args:
        encoder: A Keras layer or model from images `(batch, height, width,
            channels)` to features `(batch, dim)`.
        train: A dataset of `{"image", "label", ...}`, one by one or in batches, or a
            pair `(images, labels)` of arrays; uint8, or floats in [0, 1].
        test: The same for the test.
        num_classes: Labels are 0 to `num_classes - 1`.
        epochs: At least 1.
        batch_size: At least 1. A short last batch is left out of an epoch, unless it
            is the only one: batch norm in training mode cannot use one image.
        learning_rate: Of the first step, above 0.
        labels_per_class: Draw that many training images a class; None takes all.
        augment: A policy of `keras_contrastive.augment`, or any
            `augment(images, seed=two integers)` from float images in [0, 1] to
            images of the size that the encoder takes. None trains on clean images.
        image_size: Side in pixels to resize clean images to; None leaves them.
        copy: Whether to train a copy and leave `encoder` as it is. A copy is built
            from the encoder's class and config. False trains `encoder` itself.
        seed: Draws the labels, the order and the augmentation. Not negative.
        verbose: As in Keras's `fit`.

    Returns:
        The classifier, its test accuracy and the training history.

    Raises:
        TypeError: If `encoder` is not a Keras layer, or labels are not integers.
        ValueError: If the encoder cannot be copied, labels are missing or out of
            range, a class has too few images, or a number is too small.
    """
    if not isinstance(encoder, keras.Layer):
        raise TypeError(
            "`encoder` must be a Keras layer or model. "
            f"Received: {type(encoder).__name__}"
        )
    for name, value, least in (
        ("num_classes", num_classes, 2),
        ("epochs", epochs, 1),
        ("batch_size", batch_size, 1),
    ):
        if value < least:
            raise ValueError(f"`{name}` must be at least {least}. Received: {value}")
    check_positive("learning_rate", learning_rate)
    train, labels = _labelled("train", train, num_classes)
    test, _ = _labelled("test", test, num_classes)
    if labels_per_class is not None:
        rows = class_balanced_subset(labels, labels_per_class, seed)
        train, labels = _subset(train, labels, rows), labels[rows]
    batches = _training_batches(
        train, len(labels), batch_size, augment, image_size, seed
    )
    test_batches = clean_batches(test, batch_size, image_size)
    shape = test_batches.element_spec["image"].shape[1:]
    if not shape.is_compatible_with(batches.element_spec[0].shape[1:]):
        raise ValueError(
            "Training images, after `augment`, must have the shape of the test "
            f"images, {shape}. Received: {batches.element_spec[0].shape[1:]}"
        )
    check_image_shape(encoder, tuple(shape))
    trunk = _copied(encoder, shape) if copy else encoder
    model = _classifier(trunk, shape, num_classes)
    schedule = keras.optimizers.schedules.CosineDecay(
        float(learning_rate), epochs * len(batches)
    )
    model.compile(
        keras.optimizers.Adam(schedule),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    # The batches are shuffled already, which Keras cannot know.
    log = model.fit(batches, epochs=epochs, shuffle=False, verbose=verbose)
    test_pairs = test_batches.map(lambda x: (x["image"], x["label"]))
    scores = model.evaluate(test_pairs, verbose=verbose, return_dict=True)
    return FineTuneResult(model, scores["accuracy"], log.history)


def _labelled(
    name: str, source: Any, num_classes: int
) -> tuple[tf.data.Dataset, np.ndarray]:
    """Returns a dataset of single examples and its labels `(n,)`, checked."""
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
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"The labels of `{name}` must be in 0 to {num_classes - 1}. "
            f"Received: {labels.min()} to {labels.max()}"
        )
    return dataset, labels


def _subset(
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


def _training_batches(
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


def _copied(encoder: keras.Layer, shape: tf.TensorShape) -> keras.Layer:
    """Returns a layer of the same class, config and weights."""
    # Weights that a layer makes at its first call must be there to be copied.
    image = tf.zeros((1, *shape))
    encoder(image, training=False)
    try:
        copied = type(encoder).from_config(encoder.get_config())
        copied(image, training=False)
        copied.set_weights(encoder.get_weights())
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            "`encoder` cannot be copied from its config, as a reloaded SavedModel "
            "cannot; `copy=False` trains the encoder itself. "
            f"Received: {type(encoder).__name__}"
        ) from error
    return copied


def _classifier(
    trunk: keras.Layer, shape: tf.TensorShape, num_classes: int
) -> keras.Model:
    """Returns trunk and head as one model, from images to logits."""
    images = keras.Input(tuple(shape))
    features = trunk(images)
    if len(getattr(features, "shape", ())) != 2:
        raise ValueError(
            "`encoder` must return pooled features of shape (batch, dim). "
            f"Received: {features}"
        )
    head = keras.layers.Dense(
        num_classes, kernel_initializer="zeros", dtype="float32", name="head"
    )
    return keras.Model(images, head(features))
