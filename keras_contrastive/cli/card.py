"""The card of a run's preset: what was trained on what, and how to do it again."""

import dataclasses
import pathlib
import shlex
from collections.abc import Sequence
from typing import Any

from keras_contrastive.cli.commands import PROGRAM
from keras_contrastive.cli.settings import Settings
from keras_contrastive.evaluation import LabelEfficiency

# Of this machine, and of how fast it ran.
_OF_ITS_PLACE = ("data_dir", "download", "checkpoint_every", "knn_every")


def card(
    settings: Settings,
    train_split: str,
    test_split: str,
    results: Sequence[LabelEfficiency] | None,
) -> dict[str, Any]:
    """Returns what `kc.export.export_preset` takes of a run.

    Args:
        settings: The run's.
        train_split: What was trained on.
        test_split: What the accuracy was measured on.
        results: The encoder's row of the closing table; None if there is none.
    """
    shared = _shared(settings)
    accuracy = results and {
        "split": test_split,
        "budgets": [dataclasses.asdict(one) for one in results],
    }
    labels = "with labels" if settings.uses_labels else "without labels"
    return {
        "method": settings.method,
        "data": f"{settings.dataset} {train_split}, {labels}",
        "settings": shared,
        "command": shlex.join([PROGRAM, "pretrain", *_flags(shared)]),
        "accuracy": accuracy,
        # For whoever made it to say.
        "licence": None,
    }


def _shared(settings: Settings) -> dict[str, Any]:
    """Returns the settings that mean something elsewhere."""
    shared = dataclasses.asdict(settings)
    for name in _OF_ITS_PLACE:
        del shared[name]
    if settings.image_dir is not None:
        # Where it lies is nobody else's business.
        shared["image_dir"] = pathlib.Path(settings.image_dir).name
    return shared


def _flags(shared: dict[str, Any]) -> list[str]:
    """Writes settings as the flags that give them again."""
    values = shared | shared["arguments"]
    passed_over = {"arguments", "image_digest"}
    if shared["image_dir"] is not None:
        passed_over.add("dataset")
    flags = []
    for name, value in values.items():
        if value is None or name in passed_over:
            continue
        if isinstance(value, bool):
            flags.append(f"--{name}" if value else f"--no{name}")
        else:
            flags.append(f"--{name}={value}")
    return flags
