"""A folder of image files as `tf.data` elements of image, label and stable id."""

import dataclasses
import hashlib
import os
import pathlib
import warnings
from typing import Any

import tensorflow as tf

from keras_contrastive.data.checks import as_integer
from keras_contrastive.data.image_check import (
    GREY,
    MOST_NAMED,
    Checked,
    check_files,
    named,
)
from keras_contrastive.data.image_decoding import decoded
from keras_contrastive.data.image_listing import (
    READ,
    SPLITS,
    Listed,
    classes_of,
    list_images,
)
from keras_contrastive.data.load import Description
from keras_contrastive.data.slices import slice_of
from keras_contrastive.data.squared import squared


@dataclasses.dataclass(frozen=True)
class _Usable:
    listed: Listed
    checked: Checked


class ImageFolder:
    """A folder of images, looked through once and read as often as one likes.

    Subfolders are classes if there are two or more, at any depth below; a folder with
    images alone, or with one subfolder, has no labels. Folders "train" and "test" (or
    "val", "validation"), where there are such, are the splits; otherwise a tenth of the
    images is "test" and a tenth "validation", chosen by a hash of the file's name: an
    image stays in its split when others come or go. "all" is the three in turn.

    JPEG, PNG, GIF, BMP and WebP are read, whatever the ending says; files without such
    an ending, and hidden ones, are passed over. Every file is decoded once, here, on
    all cores. As in tfds, an orientation that a camera noted is not applied.

    Args:
        image_dir: The folder, "~" expanded.
        labels: Whether subfolders are classes; None: as above.
        channels: 1 or 3; None: 1 if all images are grey.
        bad_files: What becomes of files that cannot be read: "skip" leaves them out,
            "refuse" stops.
        odd_files: What becomes of files that can be read as something else than they
            are (with an alpha channel, which is laid over white; in CMYK; animated;
            grey among coloured ones): "use", "skip" or "refuse".

    Attributes:
        description: Its images, classes and splits, as `kc.data.describe` gives them.
        bad: Why a file was left out as bad, by its name in the folder.
        odd: What is odd about a file, by its name, whether used or left out.
        digest: Changes with the names and the sizes of the images that are used.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If no image can be used, a file is refused, or subfolders do not
            say of which class each image is.
    """

    def __init__(
        self,
        image_dir: str | os.PathLike,
        labels: bool | None = None,
        channels: int | None = None,
        bad_files: str = "skip",
        odd_files: str = "use",
    ):
        _check_choices(channels, bad_files, odd_files)
        self.path = pathlib.Path(image_dir).expanduser().absolute()
        if not self.path.is_dir():
            raise FileNotFoundError(
                "`image_dir` must be an existing folder of images. "
                f"Received: {os.fspath(image_dir)!r}"
            )
        listed = list_images(self.path)
        checked = check_files([x.path for x in listed])
        found = [_Usable(*pair) for pair in zip(listed, checked, strict=True)]
        self.bad = {
            x.listed.name: x.checked.word for x in found if x.checked.size is None
        }
        found = [x for x in found if x.checked.size is not None]
        all_grey = all(x.checked.grey for x in found)
        self.channels = channels or (1 if all_grey else 3)
        among_coloured = channels != 1 and not all_grey
        self.odd = {
            x.listed.name: word
            for x in found
            if (word := x.checked.word or (x.checked.grey and among_coloured and GREY))
        }
        self.odd_files = odd_files
        self._refuse("bad_files", bad_files, self.bad)
        self._refuse("odd_files", odd_files, self.odd)
        if odd_files == "skip":
            found = [x for x in found if x.listed.name not in self.odd]
        if not found:
            raise ValueError(
                f"`image_dir` must hold an image that can be used ({' '.join(READ)}). "
                f"Received: {self.path} with none\n{self.report()}".rstrip()
            )
        self._images = found
        self._classes = classes_of([x.listed for x in found], labels, self.path)
        names = "\n".join(f"{x.listed.name}\t{x.checked.size}" for x in found)
        self.digest = hashlib.sha256(os.fsencode(names)).hexdigest()[:16]

    @property
    def description(self) -> Description:
        """What the folder holds."""
        sizes = {x.checked.size for x in self._images}
        size = sizes.pop() if len(sizes) == 1 else (None, None)
        return Description(
            name=str(self.path),
            image_shape=(*size, self.channels),
            num_classes=len(self._classes) or None,
            class_names=self._classes,
            splits={name: len(part) for name in SPLITS if (part := self._part(name))},
        )

    def load(self, split: str, image_size: int | None = None) -> tf.data.Dataset:
        """Reads a split, in an order that mixes the classes and is always the same.

        Args:
            split: "train", "validation", "test" or "all"; slices, such as
                "train[:10%]", work as in tfds.
            image_size: Side in pixels that images are resized to (squeezed where they
                are no square). None: as they are, which is for folders whose images
                all have one size, and for whoever resizes them later.

        Returns:
            Elements as `kc.data.load` gives them: "image" `(height, width, channels)`
            uint8; "label" int64, the class's place among the sorted names, where there
            are classes; "id" int64, the position in the split.

        Raises:
            ValueError: If the split is unknown or empty.
        """
        if image_size is not None:
            image_size = as_integer("image_size", image_size, 1)
        images = self._slice(split)
        columns = {
            "image": [os.fsencode(x.listed.path) for x in images],
            "id": tf.range(len(images), dtype=tf.int64),
        }
        if self._classes:
            numbers = {name: number for number, name in enumerate(self._classes)}
            labels = [numbers[x.listed.group] for x in images]
            columns["label"] = tf.constant(labels, tf.int64)
        height, width, channels = self.description.image_shape

        def read(element: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            image = decoded(tf.io.read_file(element["image"]), channels)
            return {**element, "image": tf.ensure_shape(image, (height, width, None))}

        with tf.device("CPU:0"):
            dataset = tf.data.Dataset.from_tensor_slices(columns)
        dataset = dataset.map(
            read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        return dataset if image_size is None else squared(dataset, image_size)

    def report(self, most: int | None = MOST_NAMED) -> str:
        """Returns a line on each file that is bad or odd; empty if none is.

        Args:
            most: Files of either kind that are named; the others are counted. None:
                all.
        """
        lines = named("Left out, since it cannot be read", self.bad, most)
        used = self.odd_files == "use"
        odd = "Used, though odd" if used else "Left out, since it is odd"
        return "\n".join(lines + named(odd, self.odd, most))

    def _part(self, split: str) -> list[_Usable]:
        return [x for x in self._images if x.listed.split == split]

    def _slice(self, split: str) -> list[_Usable]:
        """Returns the images of a split, of slices of one, or of several."""
        parts = slice_of(split, self.description.splits)
        return [x for name, rows in parts for x in self._part(name)[rows]]

    def _refuse(self, flag: str, choice: str, files: dict[str, str]) -> None:
        if choice == "refuse" and files:
            kind = flag.removesuffix("_files")
            lines = "\n".join(named("Refused", files))
            raise ValueError(
                f"`image_dir` must hold no {kind} files for {flag}='refuse' "
                f"(--{flag}=refuse); 'skip' leaves them out. "
                f"Received: {self.path} with {len(files)}\n{lines}"
            )


def image_folder(
    image_dir: str | os.PathLike,
    split: str = "train",
    image_size: int | None = None,
    **options: Any,
) -> tf.data.Dataset:
    """Reads images from a folder of one's own, as `kc.data.load` reads a named set.

    Warns of files that are left out. `kc.data.ImageFolder` says more about the folder,
    and looks it through once for all its splits.

    Args:
        image_dir: The folder, as for `kc.data.ImageFolder`.
        split: As for `ImageFolder.load`.
        image_size: As for `ImageFolder.load`.
        **options: As for `kc.data.ImageFolder`: `labels`, `channels`, `bad_files`,
            `odd_files`.

    Returns:
        Elements of "image", "label" (where there are classes) and "id".

    Raises:
        FileNotFoundError: As for `kc.data.ImageFolder`.
        ValueError: As for `kc.data.ImageFolder` and `ImageFolder.load`.
    """
    folder = ImageFolder(image_dir, **options)
    if folder.bad or (folder.odd and folder.odd_files == "skip"):
        warnings.warn(folder.report(), stacklevel=2)
    return folder.load(split, image_size)


def _check_choices(channels: int | None, bad_files: str, odd_files: str) -> None:
    for name, value, choices in (
        ("channels", channels, (None, 1, 3)),
        ("bad_files", bad_files, ("skip", "refuse")),
        ("odd_files", odd_files, ("use", "skip", "refuse")),
    ):
        if value not in choices:
            raise ValueError(
                f"`{name}` must be one of {', '.join(map(repr, choices))}. "
                f"Received: {value!r}"
            )
