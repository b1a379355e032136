"""Rooms that are slow to enter: opened when they are first used.

keras-cv takes seconds to import, and only augmentation needs it. Its classes are known
to Keras's loader by name all the same, so that a saved model which holds one of them
loads after `import keras_contrastive` alone.
"""

import importlib
from typing import Any

import keras

LAZY_CLASSES = {
    "ColorJitter": "augment.color_jitter",
    "GaussianBlur": "augment.gaussian_blur",
    "GaussianNoise": "augment.gaussian_noise",
    "Jigsaw": "augment.jigsaw",
    "Masking": "augment.masking",
    "Policy": "augment.policy",
    "QuarterTurn": "augment.quarter_turn",
    "RandomAffine": "augment.random_affine",
    "RandomResizedCrop": "augment.random_resized_crop",
    "SaltAndPepper": "augment.salt_and_pepper",
}


class _Deferred:
    """Stands for a registered class until something is made of it."""

    def __init__(self, name: str, module: str):
        self.name = name
        self.module = module

    def from_config(self, config: dict[str, Any]) -> Any:
        """Imports the class, which then takes this one's place, and makes one."""
        module = importlib.import_module(f"keras_contrastive.{self.module}")
        return getattr(module, self.name).from_config(config)


def register() -> None:
    """Tells Keras's loader of the classes in rooms that are not open yet."""
    registered = keras.saving.get_custom_objects()
    for name, module in LAZY_CLASSES.items():
        registered.setdefault(f"keras_contrastive>{name}", _Deferred(name, module))
