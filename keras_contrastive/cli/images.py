"""The images of a run: a named tfds dataset, or a folder of one's own."""

import functools
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from absl import flags

from keras_contrastive import data
from keras_contrastive.data.load import Description
from keras_contrastive.data.squared import squared

FLAGS = ("image_dir", "image_labels", "bad_files", "odd_files")
# In the place of a dataset's name, where one is shown.
_FOLDER = "folder/"


def define(values: flags.FlagValues) -> None:
    """Defines the flags that say which folder, and what of it is taken."""
    flags.DEFINE_string(
        "image_dir",
        None,
        "Folder of images of your own, in place of --dataset: in a subfolder for each "
        "class, or beside each other, which has no labels.",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "image_labels",
        None,
        "Whether the subfolders of --image_dir are classes; by default if there are "
        "two or more.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "bad_files",
        "skip",
        ("skip", "refuse"),
        "What becomes of files in --image_dir that cannot be read: left out, with "
        "their names said, or nothing is done at all.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "odd_files",
        "use",
        ("use", "skip", "refuse"),
        "The same of files that are turned into something else to be used: with an "
        "alpha channel, in CMYK, animated, grey among coloured ones.",
        flag_values=values,
    )


def given_in_full(given: dict[str, Any]) -> dict[str, Any]:
    """Returns the flags' values with a folder's name in the place of a dataset's.

    Args:
        given: Values of the flags by name, and in "explicit" the names of those that
            were given.

    Raises:
        ValueError: If a folder and a dataset are named at once.
    """
    if given["image_dir"] is None:
        return given
    for name in ("dataset", "data_dir", "download"):
        if name in given["explicit"]:
            raise ValueError(
                "`image_dir` must stand in place of a dataset. "
                f"Received: {given['image_dir']!r} and --{name}={given[name]}"
            )
    path = pathlib.Path(given["image_dir"]).expanduser().absolute()
    return given | {
        "image_dir": str(path),
        "dataset": _FOLDER + re.sub(r"[^\w.-]+", "-", path.name),
        "explicit": given["explicit"] | {"dataset"},
    }


def noted(given: dict[str, Any], energy: bool = False) -> dict[str, Any]:
    """Returns the flags' values with what a new run must keep about its folder.

    Without labels there is nothing that a held-out image could be asked, so that an
    encoder is then trained on all of them.

    Args:
        given: Values of the flags by name, as `given_in_full` returns them.
        energy: Whether an energy is trained, which held-out images do say something of.

    Raises:
        ValueError: If something is said about a folder and none is named.
    """
    if given["image_dir"] is None:
        refuse_without_folder(given)
        return given
    folder = _folder(given)
    unlabelled = not folder.description.num_classes
    split = given["train_split"]
    if unlabelled and not energy:
        split = split or "all"
        print(
            f"{folder.path} has no class subfolders, and so no labels: what measures "
            "with labels is left out (kNN accuracy, the closing table, the map)."
        )
    return given | {"image_digest": folder.digest, "train_split": split}


def refuse_without_folder(given: Mapping[str, Any]) -> None:
    """Stops at flags that say something about a folder, where there is none.

    Raises:
        ValueError: If there are such.
    """
    for name in FLAGS[1:]:
        if name in given["explicit"]:
            raise ValueError(
                f"`{name}` must stand beside --image_dir. "
                f"Received: --{name}={given[name]} alone"
            )


def describe(
    where: Mapping[str, Any],
    channels: int | None = None,
    listed: pathlib.Path | None = None,
) -> Description:
    """Says what a dataset or a folder holds, and prints which files are bad or odd.

    Args:
        where: Values of the flags, or of a run's settings, by name.
        channels: That a folder's images are to have.
        listed: Where an earlier run has listed such files, whose images may since have
            changed; None for a run itself, whose images may not.

    Raises:
        ValueError: If a folder has changed since the run began; and as
            `kc.data.describe` and `kc.data.ImageFolder`.
    """
    if where["image_dir"] is None:
        return data.describe(where["dataset"], where["data_dir"], where["download"])
    folder = _folder(where, channels)
    if report := _report(folder, listed):
        print(report)
    begun = where.get("image_digest")
    if listed and begun not in (None, folder.digest):
        print(
            f"{folder.path} has changed since the run: images came, went, or became "
            "others."
        )
    elif begun not in (None, folder.digest):
        raise ValueError(
            "`image_dir` must hold the images that the run began with, no more and no "
            f"fewer. Received: {folder.path}, which has changed"
        )
    return folder.description


def load(
    where: Mapping[str, Any],
    split: str,
    most: int | None = None,
    channels: int | None = None,
) -> tf.data.Dataset:
    """Reads a split of a dataset or of a folder.

    Args:
        where: Values of the flags, or of a run's settings, by name.
        split: As for `kc.data.load`.
        most: Side in pixels above which a folder's images are made squares of that
            side, and to which those of several sizes are.
        channels: That a folder's images are to have.
    """
    if where["image_dir"] is None:
        return data.load(where["dataset"], split, where["data_dir"], where["download"])
    images = _folder(where, channels).load(split)
    shape = images.element_spec["image"].shape
    if most is None or (shape.is_fully_defined() and max(shape[:2]) <= most):
        return images
    return squared(images, most)


def same(
    where: Mapping[str, Any], digest: str | None, channels: int | None = None
) -> bool:
    """Whether a folder holds the images of a run, wherever it lies.

    Args:
        where: Values of the flags by name.
        digest: That the run noted; None if it was on no folder.
        channels: That a folder's images are to have.
    """
    if where["image_dir"] is None or digest is None:
        return False
    return _folder(where, channels).digest == digest


def write_report(where: Mapping[str, Any], path: pathlib.Path) -> None:
    """Writes which files of a folder are bad or odd, all of them; nothing if none is.

    Args:
        where: Values of a run's settings by name.
        path: File to write.
    """
    if where["image_dir"] is None:
        return
    if report := _folder(where).report(most=None):
        path.write_text(report + "\n")


def flag(where: Mapping[str, Any]) -> str:
    """Returns the flag that named the images, for a message."""
    return "dataset" if where["image_dir"] is None else "image_dir"


def _folder(where: Mapping[str, Any], channels: int | None = None) -> data.ImageFolder:
    return _opened(*(where[name] for name in FLAGS), channels)


# A command reads one state of a folder from its beginning to its end, and looks it
# through once.
@functools.lru_cache(maxsize=2)
def _opened(
    image_dir: str,
    image_labels: bool | None,
    bad_files: str,
    odd_files: str,
    channels: int | None,
) -> data.ImageFolder:
    print(f"Looking through {image_dir}", flush=True)
    return data.ImageFolder(image_dir, image_labels, channels, bad_files, odd_files)


def _report(folder: data.ImageFolder, listed: pathlib.Path | None) -> str:
    """Returns which files are bad or odd, or where all this is told already."""
    whole = folder.report(most=None)
    told = listed.read_text().rstrip("\n") if listed and listed.is_file() else None
    if whole and told == whole:
        count = len(folder.bad) + len(folder.odd)
        return f"Bad or odd files: {count}, as {listed} lists them."
    return folder.report()
