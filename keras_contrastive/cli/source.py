"""Exported features and the dataset to use them on: flags that commands share."""

import dataclasses
from typing import Any

from absl import flags

from keras_contrastive import data, export
from keras_contrastive.cli.energies.settings import EnergySettings
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.splits import Splits, choose
from keras_contrastive.data.load import Description


@dataclasses.dataclass(frozen=True)
class Source:
    """An encoder and a labelled dataset.

    Attributes:
        encoder: The reloaded trunk.
        image_size: Side that it takes.
        description: What the dataset holds.
        splits: Its splits.
        data_dir: Its folder, or None.
        run: The run that the encoder comes from, or None.
    """

    encoder: export.SavedEncoder
    image_size: int
    description: Description
    splits: Splits
    data_dir: str | None
    run: RunFolder | None

    def load(self, split: str, download: bool = False):
        """Returns the images of a split."""
        return data.load(self.description.name, split, self.data_dir, download)


def define(values: flags.FlagValues) -> None:
    """Defines the flags that say which features and which images."""
    for name, words in (
        ("run", "Folder of a pretraining run; its encoder and dataset are used."),
        ("encoder_dir", "Folder of an exported encoder, in place of --run."),
        ("dataset", "Name of a labelled tfds dataset; the run's by default."),
        ("data_dir", "Folder of tfds datasets; the run's by default."),
    ):
        flags.DEFINE_string(name, None, words, flag_values=values)
    flags.DEFINE_boolean(
        "download",
        False,
        "Whether a missing dataset may be downloaded.",
        flag_values=values,
    )
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
    run, name, data_dir = None, given["dataset"], given["data_dir"]
    train_split = None
    if given["run"]:
        try:
            run, settings = RunFolder.reopen(given["run"])
        except FileNotFoundError as error:
            raise FileNotFoundError(
                "`run` must be the folder of a pretraining run. "
                f"Received: {given['run']!r}"
            ) from error
        if isinstance(settings, EnergySettings):
            raise ValueError(
                "`run` must be of a method that trains an encoder. "
                f"Received: {given['run']!r}, a run of {settings.method}"
            )
        if name is None:
            name, train_split = settings.dataset, settings.train_split
        data_dir = data_dir or settings.data_dir
    if name is None:
        raise ValueError(
            "`dataset` must name a tfds dataset when --encoder_dir is given. "
            "Received: None"
        )
    encoder = export.load_encoder(
        run.encoder if run else given["encoder_dir"], trainable=trainable
    )
    description = data.describe(name, data_dir, given["download"])
    if not description.num_classes:
        raise ValueError(f"`dataset` must have class labels. Received: {name!r}")
    if description.image_shape[-1] != encoder.image_shape[-1]:
        raise ValueError(
            f"`dataset` must have images of {encoder.image_shape[-1]} channels, as the "
            f"encoder takes. Received: {name!r} with {description.image_shape[-1]}"
        )
    if train_split and "train" not in description.splits:
        raise ValueError(
            "`dataset` must have a labelled split 'train'. "
            f"Received: {name!r} with {sorted(description.splits)}"
        )
    splits = choose(description)
    return Source(encoder, encoder.image_shape[0], description, splits, data_dir, run)
