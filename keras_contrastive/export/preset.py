"""A trained trunk as a preset: its file, and a card that says what it is."""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import keras

from keras_contrastive.encoders.preset import CARD, FILE, FORMAT
from keras_contrastive.encoders.preset_file import pack
from keras_contrastive.export.folder import new_folder
from keras_contrastive.export.trunk import trunk_of


def export_preset(
    model_or_trunk: keras.Model,
    path: str | os.PathLike,
    card: Mapping[str, Any] | None = None,
    half: bool = False,
) -> None:
    """Writes the trunk of a model, or a trunk itself, for `kc.encoders.from_preset`.

    A run's is in its folder already, as `preset/`; to share it in half the size:

        encoder = kc.encoders.from_preset("runs/mine")
        kc.export.export_preset(encoder, "mine", {"licence": "CC-BY-4.0"}, half=True)

    Args:
        model_or_trunk: A model of this package, whose `encoder` is exported, or a
            built Keras model from images in [0, 1] to features.
        path: Folder to write; made with its parents.
        card: What others should know, as JSON has it: `method`, `data`, `settings`,
            `command`, `accuracy`, `licence`. The trunk's own facts and the hash are
            added.
        half: Whether kernels are rounded to float16. The accuracy should then be that
            of what is read again.

    Raises:
        TypeError: If there is no trunk to export, or the card is no JSON.
        ValueError: If the trunk is not built with one input, or its kernels do not fit
            into float16.
        FileExistsError: If the folder is there and not empty; nothing is overwritten.
    """
    trunk = trunk_of(model_or_trunk)
    path = new_folder(path)
    packed = pack(trunk, half)
    card = {
        "format": FORMAT,
        "name": path.name,
        **(card or {}),
        "encoder": trunk.name,
        "input_shape": trunk.input_shape[1:],
        "pixel_range": [0, 1],
        "features": trunk.output_shape[-1],
        "parameters": trunk.count_params(),
        "sha256": hashlib.sha256(packed).hexdigest(),
    }
    text = json.dumps(card, indent=2)
    path.mkdir(parents=True, exist_ok=True)
    (path / FILE).write_bytes(packed)
    (path / CARD).write_text(text + "\n")
