"""Which files of a folder are images, what class they are of, and in which split."""

import dataclasses
import hashlib
import os
import pathlib
import unicodedata
from collections.abc import Sequence

# What TensorFlow decodes, and what only looks as if it did: the latter is reported.
READ = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
_NOT_READ = (".avif", ".heic", ".heif", ".jp2", ".jxl", ".tif", ".tiff")
_READY_MADE = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
SPLITS = ("train", "validation", "test")
# Of all images, in per cent: for the test, and together with the validation.
_TEST, _HELD_OUT = 10, 20


@dataclasses.dataclass(frozen=True)
class Listed:
    """A file of the folder.

    Attributes:
        path: Where it is.
        name: Its path from the folder, with "/" between the parts.
        rank: A number in [0, 2**64) that depends on the name alone: images are read
            in its order, which mixes the classes.
        split: "train", "validation" or "test".
        group: Folder below the split's that it is in; empty where it is in none.
    """

    path: pathlib.Path
    name: str
    rank: int
    split: str
    group: str


def list_images(folder: pathlib.Path) -> list[Listed]:
    """Returns the files of a folder that are images by their name, in order of rank.

    Folders named "train" and "test" or "val" are splits. Otherwise a file's split
    depends on its name alone, so that it stays when others are added: a tenth is for
    the test and a tenth for validation.

    Args:
        folder: An existing folder; hidden files and folders in it are passed over,
            links to folders are followed.
    """
    names = sorted(_walk(folder))
    ready_made = _has_ready_made_splits(names)
    listed = []
    for parts in names:
        name = "/".join(parts)
        digest = _digest(name)
        within = parts[1:] if ready_made else parts
        listed.append(
            Listed(
                folder.joinpath(*parts),
                name,
                int.from_bytes(digest[:8]),
                _READY_MADE[parts[0]] if ready_made else _split(digest[8:16]),
                within[0] if len(within) > 1 else "",
            )
        )
    return sorted(listed, key=lambda x: (x.rank, x.name))


def classes_of(
    listed: Sequence[Listed], labels: bool | None, folder: pathlib.Path
) -> tuple[str, ...]:
    """Returns the names of the classes, in alphabetical order; none without labels.

    Args:
        listed: Images.
        labels: Whether subfolders are classes; None: if there are two or more.
        folder: They are in, for the message.

    Raises:
        ValueError: If the subfolders do not say which class each image is of.
    """
    if labels is False:
        return ()
    groups = sorted({x.group for x in listed})
    loose = [x.name for x in listed if not x.group]
    if "" not in groups and len(groups) > 1:
        return tuple(groups)
    if labels is None and len(groups) == 1:
        return ()
    if loose and len(groups) > 1:
        raise ValueError(
            "`image_dir` must hold images in subfolders, one for each class, or "
            "beside each other: or say that its subfolders are no classes, with "
            f"labels=False (--noimage_labels). Received: {folder} with "
            f"{len(groups) - 1} subfolders, and {len(loose)} images in none, such as "
            f"{loose[0]}"
        )
    raise ValueError(
        "`image_dir` must hold images in two subfolders or more, one for each class, "
        f"for labels=True (--image_labels). Received: {folder} with "
        f"{'images alone' if loose else f'one, {groups[0]!r}'}"
    )


def _walk(folder: pathlib.Path) -> list[tuple[str, ...]]:
    """Returns the parts of each image's path from the folder."""
    found, seen = [], set()
    for path, folders, files in os.walk(folder, followlinks=True):
        # A link to a folder above would be followed for ever.
        real = os.path.realpath(path)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(x for x in folders if not x.startswith("."))
        start = pathlib.Path(path).relative_to(folder).parts
        found += [
            (*start, name)
            for name in files
            if not name.startswith(".") and name.lower().endswith((*READ, *_NOT_READ))
        ]
    return found


def _has_ready_made_splits(names: Sequence[tuple[str, ...]]) -> bool:
    """Whether the topmost folders are splits and no classes."""
    tops = {parts[0] if len(parts) > 1 else "" for parts in names}
    return "train" in tops and len(tops) > 1 and tops <= set(_READY_MADE)


def _digest(name: str) -> bytes:
    # The same name is written in two ways on macOS and elsewhere.
    same = unicodedata.normalize("NFC", name)
    return hashlib.sha256(os.fsencode(same)).digest()


def _split(digest: bytes) -> str:
    share = int.from_bytes(digest) * 100 >> 64
    return "test" if share < _TEST else "validation" if share < _HELD_OUT else "train"
