"""Contrastive learning as energy-based learning, for Keras 3 and TensorFlow.

A method is an energy, a place to push it up, and a loss; a Keras Model's `train_step`
puts the three together.

    import keras_contrastive as kc
"""

import importlib
import os
import pathlib
import sys

# The command line only: TensorFlow's start-up notes would bury its progress bar.
if pathlib.Path(sys.argv[0]).name == "keras-contrastive" or (
    sys.orig_argv[1:3] == ["-m", "keras_contrastive"]
):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

try:
    import keras
except ImportError as error:
    raise ImportError(
        "keras_contrastive needs Keras 3 on TensorFlow, and Keras could not be "
        "imported. Set KERAS_BACKEND=tensorflow, or leave it unset."
    ) from error

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "keras_contrastive needs the TensorFlow backend of Keras 3: set "
        "KERAS_BACKEND=tensorflow before the first import of keras. "
        f"Received: backend {keras.backend.backend()!r}"
    )

from keras_contrastive import (
    _lazy,
    callbacks,
    data,
    distribute,
    encoders,
    energies,
    evaluation,
    export,
    losses,
    memory,
    models,
    optimizers,
    plots,
    samplers,
)
from keras_contrastive._version import __version__

_lazy.register()

__all__ = [
    "__version__",
    "augment",
    "callbacks",
    "data",
    "distribute",
    "encoders",
    "energies",
    "evaluation",
    "export",
    "losses",
    "memory",
    "models",
    "optimizers",
    "plots",
    "samplers",
]


def __getattr__(name: str):
    if name == "augment":
        return importlib.import_module("keras_contrastive.augment")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
