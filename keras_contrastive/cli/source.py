"""Exported features and the dataset to use them on: flags that commands share."""

import dataclasses
import difflib
import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from absl import flags

from keras_contrastive import encoders, export
from keras_contrastive.cli import images
from keras_contrastive.cli.energies.settings import EnergySettings
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.settings import Settings
from keras_contrastive.cli.splits import Splits, choose
from keras_contrastive.data.load import Description
from keras_contrastive.encoders.preset import CARD

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
        learnt_from: Name of the dataset that the run was on; None without a run.
        chooses: Whether accuracy is read on validation images, to choose with.
        exported: Where a preset was exported to, a folder that lives as long as this;
            None without one.
    """

    encoder: export.SavedEncoder
    image_size: int
    description: Description
    splits: Splits
    where: Mapping[str, Any]
    run: RunFolder | None
    learnt_from: str | None
    chooses: bool
    exported: tempfile.TemporaryDirectory | None = None

    @property
    def train(self) -> str:
        """The split whose labels are used."""
        return self.splits.bank if self.chooses else self.splits.train

    @property
    def held_out(self) -> str:
        """The split that accuracy is read on."""
        return self.splits.queries if self.chooses else self.splits.test

    @property
    def same_channels(self) -> bool:
        """Whether the images have the channels that the encoder takes."""
        return self.description.image_shape[-1] == self.encoder.image_shape[-1]

    @property
    def transferred(self) -> bool:
        """Whether the features are used on other images than they come from."""
        elsewhere = self.learnt_from not in (None, self.where["dataset"])
        return elsewhere or not self.same_channels

    def reading(self) -> str:
        """Returns a sentence on which images had a part in a choice."""
        if self.chooses:
            return (
                f"{self.held_out!r} is there to choose with: the test images, "
                f"{self.splits.test!r}, were not read."
            )
        return (
            f"Nothing was chosen on {self.held_out!r}: its images were read once, at "
            "the end. --split=validation is for choices."
        )

    def load(self, split: str) -> tf.data.Dataset:
        """Returns the images of a split."""
        channels = self.description.image_shape[-1]
        return images.load(self.where, split, self.image_size, channels)


def define(values: flags.FlagValues) -> None:
    """Defines the flags that say which features and which images."""
    for name, words in (
        ("run", "Folder of a pretraining run; its encoder and dataset are used."),
        (
            "encoder_dir",
            "Folder of an exported encoder or a preset, or the name of a preset that "
            "comes with the package, in place of --run.",
        ),
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
    flags.DEFINE_enum(
        "split",
        "test",
        ("test", "validation"),
        "Images that accuracy is read on: a part of the training images that is held "
        "out to choose settings with, or, once they are chosen, the test images.",
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
    given = images.given_in_full(given)
    where = {name: given[name] for name in (*_WHERE, *images.FLAGS)}
    run, train_split, learnt_from, digest = None, None, None, None
    if given["run"]:
        run, settings = RunFolder.reopen(given["run"], "run")
        if isinstance(settings, EnergySettings):
            raise ValueError(
                "`run` must be of a method that trains an encoder. "
                f"Received: {given['run']!r}, a run of {settings.method}"
            )
        where["data_dir"] = where["data_dir"] or settings.data_dir
        learnt_from, digest = settings.dataset, settings.image_digest
        if where["dataset"] is None:
            where["dataset"], train_split = settings.dataset, settings.train_split
            for name in set(images.FLAGS) - given["explicit"]:
                where[name] = getattr(settings, name)
            where["image_digest"] = digest
            check_there(run, settings)
    if where["dataset"] is None:
        raise ValueError(
            "`dataset` must name a tfds dataset, or --image_dir a folder of images, "
            "when --encoder_dir is given. Received: None"
        )
    if where["image_dir"] is None:
        images.refuse_without_folder(given)
    name, flag = where["dataset"], images.flag(where)
    encoder, exported = _encoder(
        run.encoder if run else given["encoder_dir"], trainable
    )
    channels = encoder.image_shape[-1]
    listed = run.image_files if run else None
    description = images.describe(where, channels, listed)
    if images.same(where, digest, channels):
        # Moved, or renamed: these are the run's own.
        learnt_from = where["dataset"]
    if not description.num_classes:
        kind = "class labels" if flag == "dataset" else "a subfolder for each class"
        raise ValueError(
            f"`{flag}` must have {kind}; labelled images stand in with "
            "--image_dir=LABELLED_FOLDER or --dataset=NAME. "
            f"Received: {description.name!r}"
        )
    if train_split and "train" not in description.splits:
        raise ValueError(
            f"`{flag}` must have a labelled split 'train'. "
            f"Received: {name!r} with {sorted(description.splits)}"
        )
    found = Source(
        encoder,
        encoder.image_shape[0],
        description,
        choose(description),
        where,
        run,
        learnt_from,
        given["split"] == "validation",
        exported,
    )
    # A classifier takes images as they are, and so none that must be made to fit.
    theirs = description.image_shape[-1]
    if not found.same_channels and (trainable or {theirs, channels} != {1, 3}):
        raise ValueError(
            f"`dataset` must have images of {channels} channels, as the encoder takes. "
            f"Received: {name!r} with {theirs}"
        )
    return found


def _encoder(
    name: str | os.PathLike, trainable: bool
) -> tuple[export.SavedEncoder, tempfile.TemporaryDirectory | None]:
    """Loads an exported encoder; a preset, by name or folder, is exported first."""
    path = pathlib.Path(name).expanduser()
    if name not in encoders.presets and not (path / CARD).is_file():
        close = difflib.get_close_matches(str(name), encoders.presets, 1)
        if close and not path.exists():
            raise ValueError(
                "`encoder_dir` must be a folder that is there, or one of "
                f"{', '.join(encoders.presets)}; close to it: {close[0]}. "
                f"Received: {str(name)!r}, which is neither"
            )
        return export.load_encoder(path, trainable=trainable), None
    folder = tempfile.TemporaryDirectory()
    saved = pathlib.Path(folder.name) / "encoder"
    export.export_encoder(encoders.from_preset(name), saved)
    return export.load_encoder(saved, trainable=trainable), folder


def check_there(run: RunFolder, settings: Settings) -> None:
    """Stops where the images of a run are no longer where they were.

    Raises:
        FileNotFoundError: If they were in a folder that is not there.
    """
    path = settings.image_dir
    if path is not None and not pathlib.Path(path).is_dir():
        raise FileNotFoundError(
            "`image_dir` must say, as --image_dir=NEW, where the images are that have "
            f"moved since the run. Received: {path}, which the run in {run.path} "
            "remembers and which is not there"
        )
