"""All that a pretraining run depends on, and the defaults that suit a dataset."""

import dataclasses
import math
from typing import Any

from absl import flags

from keras_contrastive import encoders
from keras_contrastive.distribute import NAMES as STRATEGIES

METHODS = ("simclr",)
AUGMENTATIONS = ("simclr", "simclr_cifar", "digits")
OPTIMIZERS = ("sgd", "lars", "adam")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
PLACES = ("pipeline", "device")


@dataclasses.dataclass(frozen=True)
class Settings:
    """A pretraining run; written to `config.json`, which is enough to repeat it."""

    method: str
    dataset: str
    data_dir: str | None
    download: bool
    train_split: str | None
    encoder: str
    image_size: int
    augmentation: str
    augment_on: str
    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    weight_decay: float
    warmup_epochs: float
    temperature: float
    projection_dim: int
    seed: int
    strategy: str
    mixed_precision: str
    jit_compile: bool
    checkpoint_every: int
    knn_every: int


# Chosen on the validation split; see the results page.
DIGITS = {
    "encoder": "convnet",
    "augmentation": "digits",
    "epochs": 100,
    "batch_size": 256,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "weight_decay": 5e-4,
    "temperature": 0.5,
    "projection_dim": 64,
}
DIGITS_SIZE = 16
# SimCLR's for CIFAR-10 (https://arxiv.org/abs/2002.05709, appendix B.9), with SGD.
SMALL = {
    "encoder": "resnet18",
    "augmentation": "simclr_cifar",
    "epochs": 200,
    "batch_size": 256,
    "optimizer": "sgd",
    "learning_rate": 0.06,
    "weight_decay": 5e-4,
    "temperature": 0.5,
    "projection_dim": 128,
}
# SimCLR's for ImageNet, appendix A.
LARGE = {
    "encoder": "resnet50",
    "augmentation": "simclr",
    "epochs": 100,
    "batch_size": 256,
    "optimizer": "lars",
    "learning_rate": 0.3,
    "weight_decay": 1e-6,
    "temperature": 0.1,
    "projection_dim": 128,
}


def define(values: flags.FlagValues) -> None:
    """Defines the flags of a pretraining run; None leaves it to the dataset."""

    def text(name, default, words):
        flags.DEFINE_string(name, default, words, flag_values=values)

    def choice(name, default, choices, words):
        flags.DEFINE_enum(name, default, choices, words, flag_values=values)

    def whole(name, default, least, words):
        flags.DEFINE_integer(name, default, words, least, flag_values=values)

    def number(name, least, words):
        flags.DEFINE_float(name, None, words, least, flag_values=values)

    def switch(name, default, words):
        flags.DEFINE_boolean(name, default, words, flag_values=values)

    choice("method", "simclr", METHODS, "What is trained.")
    text(
        "dataset",
        "contrastive_digits",
        "Name of a tfds dataset. contrastive_digits needs no download.",
    )
    text(
        "data_dir",
        None,
        "Folder of tfds datasets; by default tfds's own, ~/tensorflow_datasets.",
    )
    switch("download", False, "Whether a missing dataset may be downloaded.")
    text(
        "train_split",
        None,
        "Split to train on, such as unlabelled or train[:50%]; by default train.",
    )
    choice("encoder", None, encoders.NAMES, "The trunk; by default what suits the set.")
    whole("image_size", None, 8, "Side of the views in pixels; the images' by default.")
    choice(
        "augmentation",
        None,
        AUGMENTATIONS,
        "How views are made; by default what suits the dataset.",
    )
    choice(
        "augment_on",
        "pipeline",
        PLACES,
        "Where: in the input pipeline, or in the training step on the device.",
    )
    whole("epochs", None, 1, "Passes over the images.")
    whole("batch_size", None, 2, "Images a step, over all replicas.")
    choice("optimizer", None, OPTIMIZERS, "By default what suits the dataset.")
    number(
        "learning_rate",
        0,
        "Peak, for a batch of 256 (sgd and lars scale it with the batch); it falls "
        "along a cosine.",
    )
    number("weight_decay", 0, "Of sgd and lars, inside the gradient.")
    number("warmup_epochs", 0, "Epochs in which the learning rate rises.")
    number("temperature", 0, "Of the loss, above 0.")
    whole("projection_dim", None, 1, "Size of the embedding that the loss compares.")
    whole("seed", 0, 0, "Fixes the weights, the order of the images and the views.")
    choice("strategy", "auto", STRATEGIES, "Where it runs; auto takes what is there.")
    choice("mixed_precision", "float32", PRECISIONS, "Keras's dtype policy.")
    switch("jit_compile", False, "Whether XLA compiles the training step.")
    whole("checkpoint_every", None, 1, "Epochs; by default a twentieth of all.")
    whole("knn_every", None, 1, "Epochs between measurements of kNN accuracy.")


def resolve(given: dict[str, Any], image_shape: tuple[int | None, ...]) -> Settings:
    """Returns complete settings: what was given, and the dataset's defaults.

    Args:
        given: Values of the flags by name; None where the dataset decides.
        image_shape: `(height, width, channels)` of the dataset's images.

    Raises:
        ValueError: If values do not go together.
    """
    side = image_shape[0] if image_shape[0] == image_shape[1] else None
    if given["dataset"] == "contrastive_digits":
        defaults, size = DIGITS, DIGITS_SIZE
    else:
        defaults = SMALL if side is not None and side <= 64 else LARGE
        size = min(side or 224, 224)
    names = {field.name for field in dataclasses.fields(Settings)}
    values = {name: value for name, value in given.items() if name in names}
    for name, value in {**defaults, "image_size": size}.items():
        if values[name] is None:
            values[name] = value
    epochs = values["epochs"]
    for name, value in {
        "warmup_epochs": epochs / 20,
        "checkpoint_every": math.ceil(epochs / 20),
        "knn_every": math.ceil(epochs / 10),
    }.items():
        if values[name] is None:
            values[name] = value
    if values["temperature"] <= 0:
        raise ValueError(
            f"`temperature` must be above 0. Received: {values['temperature']}"
        )
    if values["warmup_epochs"] >= epochs:
        raise ValueError(
            f"`warmup_epochs` must be below the {epochs} epochs. "
            f"Received: {values['warmup_epochs']}"
        )
    return Settings(**values)
