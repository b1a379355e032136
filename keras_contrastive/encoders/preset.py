"""Pretrained trunks: those that come with the package, of a run, or of another's."""

import difflib
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from keras_contrastive.encoders.preset_file import unpack

CARD, FILE, FORMAT = "card.json", "encoder.npz", 1
# Where a run's folder has its own.
IN_RUN = "preset"
_BUNDLED = pathlib.Path(__file__).parent / "zoo"


def from_preset(
    name_or_path: str | os.PathLike, sha256: str | None = None
) -> keras.Model:
    """Gives a pretrained trunk, which trains like those of `kc.encoders.create`.

        encoder = kc.encoders.from_preset("convnet_simclr_cifar10")
        classifier = keras.Sequential([encoder, keras.layers.Dense(10)])

    The file's SHA-256 is compared with the card's before the file is read, and
    nothing in it is run.

    Args:
        name_or_path: A name in `kc.encoders.presets`; or a folder: of a run of
            `keras-contrastive pretrain`, or one that `kc.export.export_preset` wrote,
            whoever did.
        sha256: What the file's hash must be, where you know it from somebody whom you
            trust. The card's, which came with the file, is passed over then.

    Returns:
        A Keras model from float images in [0, 1], `(batch, height, width, channels)`,
        to features `(batch, features)`.

    Raises:
        ValueError: If there is no such preset, its hash is another, or what is in the
            file is no trunk or not the one that the card says.
        FileNotFoundError: If the folder has no card, or no file beside it.
    """
    folder = _folder(name_or_path)
    card = read_card(folder)
    packed = _read(folder / FILE)
    expected, found = sha256 or card["sha256"], hashlib.sha256(packed).hexdigest()
    if found != expected.lower():
        raise ValueError(
            f"`name_or_path` must be of a preset whose {FILE} has the SHA-256 "
            f"{expected}. Received: {folder}, where it is {found}: the file is broken, "
            "or another than was meant"
        )
    encoder = unpack(packed)
    shapes = [*encoder.input_shape[1:]], encoder.output_shape[-1]
    if shapes != (card["input_shape"], card["features"]):
        raise ValueError(
            f"`name_or_path` must be of a preset that is what its {CARD} says, "
            f"{card['features']} features of {card['input_shape']}. "
            f"Received: {folder}, with {shapes[1]} of {shapes[0]}"
        )
    return encoder


def read_card(folder: pathlib.Path) -> dict[str, Any]:
    """Returns a preset's card.

    Args:
        folder: The preset's.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it does not say what is needed to load the trunk.
    """
    text = _read(folder / CARD)
    needed = {"sha256": str, "input_shape": list, "features": int}
    try:
        card = json.loads(text)
        told = card["format"] == FORMAT
        told = told and all(isinstance(card[x], kind) for x, kind in needed.items())
    except (ValueError, TypeError, KeyError):
        told = False
    if not told:
        raise ValueError(
            f"`name_or_path` must be of a preset whose {CARD} is of format {FORMAT} "
            f"and says its {', '.join(needed)}. Received: {folder}"
        )
    return card


def _read(path: pathlib.Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(
            "`name_or_path` must be a preset's name or folder, or that of a run which "
            f"came to its end, with {CARD} and {FILE}. Received: {path.parent}, "
            f"without {path.name}"
        )
    return path.read_bytes()


def _folder(name_or_path: str | os.PathLike) -> pathlib.Path:
    """Returns the folder of a preset; a name that comes with the package goes first."""
    if not isinstance(name_or_path, str | os.PathLike):
        raise TypeError(
            "`name_or_path` must be a preset's name or a folder. "
            f"Received: {name_or_path!r}"
        )
    if name_or_path in presets:
        return _BUNDLED / name_or_path
    path = pathlib.Path(name_or_path).expanduser()
    if path.is_dir():
        return path / IN_RUN if (path / IN_RUN / CARD).is_file() else path
    close = difflib.get_close_matches(str(name_or_path), presets, 1)
    hint = f"; close to it: {close[0]}" if close else ""
    raise ValueError(
        f"`name_or_path` must be a folder that is there, or one of "
        f"{', '.join(presets)}{hint}. Received: {str(name_or_path)!r}, which is neither"
    )


class Presets(Mapping):
    """The presets that come with the package: a card by name, read-only.

    A card says the `method`, the `data`, the `settings` and the `command` that made
    it, its `accuracy` and that of another run with the same settings, the `licence`,
    the `sha256` of its file, and of the trunk `encoder`, `input_shape`, `pixel_range`,
    `features` and `parameters`.
    """

    def __getitem__(self, name: str) -> dict[str, Any]:
        """Returns the card of a preset."""
        if name not in self:
            close = difflib.get_close_matches(str(name), self, 1)
            hint = f"; close to it: {close[0]}" if close else ""
            raise KeyError(
                f"A preset's name must be one of {', '.join(self)}{hint}. "
                f"Received: {name!r}"
            )
        return read_card(_BUNDLED / name)

    def __contains__(self, name: object) -> bool:
        """Whether there is a preset of this name."""
        return any(name == known for known in self)

    def __iter__(self) -> Iterator[str]:
        """Goes through the names, sorted."""
        return iter(sorted(x.parent.name for x in _BUNDLED.glob(f"*/{CARD}")))

    def __len__(self) -> int:
        """How many there are."""
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        """A line for each preset: its name, and what it was trained on and how."""
        lines = (f"{x['name']}: {x['method']} on {x['data']}" for x in self.values())
        return "\n".join(lines)


presets = Presets()
