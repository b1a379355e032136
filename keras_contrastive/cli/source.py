"""Exported features and the dataset to use them on: flags that commands share."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from absl import flags

from keras_contrastive import export
from keras_contrastive.cli import images
from keras_contrastive.cli.energies.settings import EnergySettings
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.splits import Splits, choose
from keras_contrastive.data.load import Description

_WHERE = ("dataset", "data_dir", "download")


@dataclasses.dataclass(frozen=True)
class Source:
    """An encoder and a labelled dataset.

    Attributes:
        encoder: The reloaded trunk.
        image_size: Side that it takes.
        description: What the dataset holds.
        splits: Its splits.
        where: The flags, or the run's settings, that name the dataset.
        run: The run that the encoder comes from, or None.
    """

    encoder: export.SavedEncoder
    image_size: int
    description: Description
    splits: Splits
    where: Mapping[str, Any]
    run: RunFolder | None

    def load(self, split: str) -> tf.data.Dataset:
        """Returns the images of a split."""
        channels = self.description.image_shape[-1]
        return images.load(self.where, split, self.image_size, channels)


def define(values: flags.FlagValues) -> None:
    """Defines the flags that say which features and which images."""
    for name, words in (
        ("run", "Folder of a pretraining run; its encoder and dataset are used."),
        ("encoder_dir", "Folder of an exported encoder, in place of --run."),
        ("dataset", "Name of a labelled tfds dataset; the run's images by default."),
        ("data_dir", "Folder of tfds datasets; the run's by default."),
    ):
        flags.DEFINE_string(name, None, words, flag_values=values)
    flags.DEFINE_boolean(
        "download",
        False,
        "Whether a missing dataset may be downloaded.",
        flag_values=values,
    )
    images.define(values)
    flags.DEFINE_integer("seed", 0, "Of the draws of labels.", 0, flag_values=values)


def find(given: dict[str, Any], trainable: bool) -> Source:
    """Loads what the flags name.

    Args:
        given: Values of the flags by name.
        trainable: Whether the trunk is to be trained.

    Raises:
        ValueError: If neither a run nor an encoder is named, or the dataset does not
            fit the encoder or has no labels.
        FileNotFoundError: If a folder is missing.
    """
    if bool(given["run"]) == bool(given["encoder_dir"]):
        raise ValueError(
            "`run` must name a run's folder, or --encoder_dir an exported encoder, "
            f"and not both. Received: run={given['run']!r}, "
            f"encoder_dir={given['encoder_dir']!r}"
        )
    given = images.given_in_full(given)
    where = {name: given[name] for name in (*_WHERE, *images.FLAGS)}
    run, train_split = None, None
    if given["run"]:
        run, settings = RunFolder.reopen(given["run"], "run")
        if isinstance(settings, EnergySettings):
            raise ValueError(
                "`run` must be of a method that trains an encoder. "
                f"Received: {given['run']!r}, a run of {settings.method}"
            )
        where["data_dir"] = where["data_dir"] or settings.data_dir
        if where["dataset"] is None:
            where["dataset"], train_split = settings.dataset, settings.train_split
            for name in set(images.FLAGS) - given["explicit"]:
                where[name] = getattr(settings, name)
    if where["dataset"] is None:
        raise ValueError(
            "`dataset` must name a tfds dataset, or --image_dir a folder of images, "
            "when --encoder_dir is given. Received: None"
        )
    if where["image_dir"] is None:
        images.refuse_without_folder(given)
    name, flag = where["dataset"], images.flag(where)
    encoder = export.load_encoder(
        run.encoder if run else given["encoder_dir"], trainable=trainable
    )
    description = images.describe(where, encoder.image_shape[-1])
    if not description.num_classes:
        kind = "class labels" if flag == "dataset" else "a subfolder for each class"
        raise ValueError(f"`{flag}` must have {kind}. Received: {description.name!r}")
    if description.image_shape[-1] != encoder.image_shape[-1]:
        raise ValueError(
            f"`dataset` must have images of {encoder.image_shape[-1]} channels, as the "
            f"encoder takes. Received: {name!r} with {description.image_shape[-1]}"
        )
    if train_split and "train" not in description.splits:
        raise ValueError(
            f"`{flag}` must have a labelled split 'train'. "
            f"Received: {name!r} with {sorted(description.splits)}"
        )
    splits = choose(description)
    return Source(encoder, encoder.image_shape[0], description, splits, where, run)
