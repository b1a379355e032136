"""Fine-tuning: a linear head on the trunk, both trained on few or all labels."""

from dataclasses import dataclass
from typing import Any

import keras

from keras_contrastive.optimizers import FactoredAdam

from .batches import clean_batches
from .checks import check_positive
from .classifier import Classifier, copied
from .features import check_image_shape
from .few_labels import class_balanced_subset
from .labelled import Augment, labelled, subset, training_batches


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
    layer_decay: float = 1.0,
    freeze_epochs: int = 0,
) -> FineTuneResult:
    """Trains a linear head and the trunk under it, and measures the classifier.

    Adam with a learning rate that falls to 0 along a cosine; the trunk runs in
    training mode while it is trained (its batch-norm statistics move) and in
    inference mode in the test. The head starts at zero, so that the first step moves
    the head alone and no random head disturbs the trunk. There is no choice of
    epochs or settings on the test images.

    With `freeze_epochs` the head comes first: the rate stays at its peak, and the
    trunk as it is, for that many epochs; then a new Adam trains both, and its rate
    falls along the cosine over the epochs that are left.

    Args:
        encoder: A Keras layer or model from images `(batch, height, width,
            channels)` to features `(batch, dim)`.
        train: A dataset of `{"image", "label", ...}`, one by one or in batches, or a
            pair `(images, labels)` of arrays; uint8, or floats in [0, 1]. It is read
            once to be checked: hand in what `labelled` made of it where several
            classifiers are trained.
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
        layer_decay: Factor, in (0, 1], from the learning rate of one level of the
            trunk to that of the level under it, and from the head's to the first;
            `keras_contrastive.encoders.weight_levels` says which weights are a level.
            1 trains all alike.
        freeze_epochs: Epochs at the start in which the trunk is frozen and runs in
            inference mode, its batch norm too; `epochs` freezes it throughout, and
            the rate then falls along the cosine over all of them.

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
    if not 0 < layer_decay <= 1:
        raise ValueError(f"`layer_decay` must be in (0, 1]. Received: {layer_decay}")
    if not 0 <= freeze_epochs <= epochs:
        raise ValueError(
            f"`freeze_epochs` must be from 0 to `epochs`, {epochs}. "
            f"Received: {freeze_epochs}"
        )
    train, labels = labelled("train", train, num_classes)
    test, _ = labelled("test", test, num_classes)
    if labels_per_class is not None:
        rows = class_balanced_subset(labels, labels_per_class, seed)
        train, labels = subset(train, labels, rows), labels[rows]
    batches = training_batches(
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
    trunk = copied(encoder, shape) if copy else encoder
    classifier = Classifier.on(trunk, shape, num_classes)
    history: dict[str, list[float]] = {}
    if freeze_epochs:
        throughout = freeze_epochs == epochs
        rate = _cosine(learning_rate, batches, epochs) if throughout else learning_rate
        with classifier.frozen() as model:
            _compile(model, keras.optimizers.Adam(rate))
            _fit(model, batches, 0, freeze_epochs, history, verbose)
    # A new optimizer: Adam's moments of the trunk would be of no gradient at all, and
    # its first steps three times too long.
    rate = _cosine(learning_rate, batches, max(epochs - freeze_epochs, 1))
    model = classifier.model
    if layer_decay < 1:
        factors = classifier.rate_factors(layer_decay)
        _compile(model, FactoredAdam(rate, rate_factors=factors))
    else:
        _compile(model, keras.optimizers.Adam(rate))
    if freeze_epochs < epochs:
        _fit(model, batches, freeze_epochs, epochs, history, verbose)
    test_pairs = test_batches.map(lambda x: (x["image"], x["label"]))
    scores = model.evaluate(test_pairs, verbose=verbose, return_dict=True)
    return FineTuneResult(model, scores["accuracy"], history)


def _cosine(peak: float, batches: Any, epochs: int) -> Any:
    """Returns a rate that falls from the peak to 0 over so many epochs."""
    return keras.optimizers.schedules.CosineDecay(float(peak), epochs * len(batches))


def _compile(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )


def _fit(
    model: keras.Model,
    batches: Any,
    start: int,
    stop: int,
    history: dict[str, list[float]],
    verbose: int,
) -> None:
    """Trains from one epoch up to another, and adds to the history."""
    # The batches are shuffled already, which Keras cannot know.
    log = model.fit(
        batches, initial_epoch=start, epochs=stop, shuffle=False, verbose=verbose
    )
    for name, values in log.history.items():
        history.setdefault(name, []).extend(values)
