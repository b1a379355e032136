"""A small PIRL and a batch for it, for the tests beside this file."""

import keras
import numpy as np

from tests.contracts import zoo


def images(count=8):
    return zoo.images(count).astype("float32") / 255


def batch(count=8, first=3):
    return {
        "views": (images(count), images(count)[::-1]),
        "id": np.arange(count) + first,
    }


def compiled(**options):
    keras.utils.set_random_seed(1)
    model = zoo.pirl(**options)
    model.compile(keras.optimizers.SGD(0.1))
    return model
