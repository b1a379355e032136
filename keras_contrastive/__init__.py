"""Contrastive learning as energy-based learning, for Keras 3 and TensorFlow.

A method is an energy, a place to push it up, and a loss; a Keras Model's `train_step`
puts the three together.

    import keras_contrastive as kc
"""

import importlib
import pathlib
import sys

from keras_contrastive._version import __version__

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
    if name in __all__:
        return importlib.import_module(f"keras_contrastive.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# The command line opens the rooms itself, once it knows that it needs them: whoever
# asks for help would wait seconds for TensorFlow.
_by_module = sys.argv[0] == "-m" and (
    sys.orig_argv[-len(sys.argv)] == "keras_contrastive"
)
if not _by_module and pathlib.Path(sys.argv[0]).stem != "keras-contrastive":
    importlib.import_module("keras_contrastive._rooms")
