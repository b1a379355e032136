"""The linear protocol of the contrastive papers: softmax by SGD on fixed features."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .checks import check_positive, check_same_width, checked_features, checked_labels


def sgd_linear_probe(
    train_features: Any,
    train_labels: Any,
    test_features: Any,
    test_labels: Any,
    epochs: int = 90,
    batch_size: int = 256,
    base_learning_rate: float = 0.1,
    seed: int = 0,
) -> float:
    """Returns the test accuracy of a softmax layer trained by SGD.

    The linear protocol of Chen et al. 2020 ("A Simple Framework for Contrastive
    Learning of Visual Representations"): Nesterov momentum 0.9, a learning rate of
    `base_learning_rate * batch_size / 256` that falls to 0 along a cosine, no weight
    decay. The paper crops and flips the images anew every epoch; here the features
    are fixed, those of the clean images. The layer starts at zero and takes the
    features as they are, so that their scale matters, which it does not in
    `linear_probe`.

    Args:
        train_features: `(n, dim)`.
        train_labels: Integer labels `(n,)`.
        test_features: `(m, dim)`.
        test_labels: Integer labels `(m,)`. One that no training row has counts as
            missed.
        epochs: At least 1.
        batch_size: At least 1; the last batch of an epoch may be short.
        base_learning_rate: Above 0.
        seed: Orders the rows.

    Returns:
        The accuracy, in [0, 1].

    Raises:
        TypeError: If labels are not integers.
        ValueError: For wrong shapes, values that are not finite, or a number that is
            too small.
    """
    train = checked_features("train_features", train_features)
    test = checked_features("test_features", test_features)
    check_same_width(train, test)
    labels = checked_labels("train_labels", train_labels, len(train))
    expected = checked_labels("test_labels", test_labels, len(test))
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {value}")
    check_positive("base_learning_rate", base_learning_rate)
    classes, targets = np.unique(labels, return_inverse=True)

    rows = tf.constant(train, tf.float32)
    targets = tf.constant(targets)
    batches = (
        tf.data.Dataset.range(len(train))
        .shuffle(len(train), seed=seed, reshuffle_each_iteration=True)
        .batch(batch_size)
        .map(lambda at: (tf.gather(rows, at), tf.gather(targets, at)))
        .prefetch(tf.data.AUTOTUNE)
    )
    softmax = keras.Sequential(
        [
            keras.Input((train.shape[1],)),
            keras.layers.Dense(
                len(classes), kernel_initializer="zeros", dtype="float32"
            ),
        ]
    )
    schedule = keras.optimizers.schedules.CosineDecay(
        base_learning_rate * batch_size / 256, epochs * len(batches)
    )
    softmax.compile(
        keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    softmax.fit(batches, epochs=epochs, shuffle=False, verbose=0)
    logits = softmax.predict_on_batch(test.astype(np.float32))
    return float(np.mean(classes[logits.argmax(axis=1)] == expected))
