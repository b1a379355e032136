"""A small trunk and images of bars, which the tests of fine-tuning share."""

import keras
import numpy as np

from keras_contrastive.evaluation import fine_tune


def bars(count, seed):
    """Images of a bright row (0), column (1) or nothing (2), in noise."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 3)
    images = rng.uniform(0, 0.4, (count, 8, 8, 1))
    for image, label in zip(images, labels, strict=True):
        at = rng.integers(0, 8)
        if label == 0:
            image[at] += 0.6
        if label == 1:
            image[:, at] += 0.6
    return images.astype("float32"), labels


def trunk(dropout=0.0):
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.Conv2D(16, 3, activation="relu"),
            *([keras.layers.Dropout(dropout)] if dropout else []),
            keras.layers.GlobalMaxPooling2D(),
        ]
    )
    return keras.Model(encoder.inputs[0], encoder.outputs[0])


def fit(encoder, train=None, test=None, **arguments):
    train = bars(96, 0) if train is None else train
    test = bars(300, 1) if test is None else test
    arguments = {"epochs": 2, "batch_size": 32, **arguments}
    return fine_tune(encoder, train, test, 3, **arguments)
