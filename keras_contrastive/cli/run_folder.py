"""The folder of a run: what is in it, and how a run that was cut off goes on."""

import csv
import dataclasses
import datetime
import json
import math
import os
import pathlib
import platform
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive._version import __version__
from keras_contrastive.cli.energies.methods import ENERGY_METHODS
from keras_contrastive.cli.energies.settings import EnergySettings
from keras_contrastive.cli.settings import Settings

_CONFIG = "config.json"


class RunFolder:
    """The files of one pretraining run.

    Args:
        path: The folder.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path).expanduser()
        self.config = self.path / _CONFIG
        self.history = self.path / "history.csv"
        self.checkpoint = self.path / "checkpoint.keras"
        self.encoder = self.path / "encoder"
        self.table = self.path / "evaluation.md"

    @classmethod
    def create(
        cls, path: str | None, settings: Settings | EnergySettings
    ) -> "RunFolder":
        """Makes the folder of a new run and writes its config.

        Args:
            path: The folder; None takes a fresh one below `runs/`.
            settings: The run's settings.

        Raises:
            FileExistsError: If the folder is there and not empty.
        """
        if path is None:
            now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
            dataset = settings.dataset.replace("/", "-").replace(":", "-")
            path = f"runs/{settings.method}-{dataset}-{now}"
        folder = cls(path)
        folder.check_unused()
        folder.path.mkdir(parents=True, exist_ok=True)
        config = {
            "settings": dataclasses.asdict(settings),
            "versions": {
                "keras_contrastive": __version__,
                "keras": keras.__version__,
                "tensorflow": tf.__version__,
                "python": platform.python_version(),
            },
        }
        folder.config.write_text(json.dumps(config, indent=2) + "\n")
        return folder

    def check_unused(self) -> None:
        """Stops at a folder that something is in.

        Raises:
            FileExistsError: If the folder is there and not empty.
        """
        if not self.path.exists() or (
            self.path.is_dir() and not any(self.path.iterdir())
        ):
            return
        has_run = self.config.is_file()
        raise FileExistsError(
            "`output_dir` must be a new or an empty folder"
            + ("; --resume goes on with the run in it" if has_run else "")
            + f". Received: {self.path}"
        )

    @classmethod
    def reopen(cls, path: str | None) -> tuple["RunFolder", Settings | EnergySettings]:
        """Opens the folder of a run that was started before.

        Raises:
            FileNotFoundError: If no run was started there.
            ValueError: If its config was written by another version.
        """
        folder = cls(path or "")
        if path is None or not folder.config.is_file():
            raise FileNotFoundError(
                f"`output_dir` must be the folder of a run, with {_CONFIG} in it. "
                f"Received: {path}"
            )
        stored = json.loads(folder.config.read_text())["settings"]
        of_energy = stored.get("method") in ENERGY_METHODS
        kind = EnergySettings if of_energy else Settings
        try:
            return folder, kind(**stored)
        except TypeError as error:
            raise ValueError(
                f"`output_dir` must hold a run of this version, {__version__}. "
                f"Received: {path} ({error})"
            ) from error

    def read_history(self) -> dict[str, list[float]]:
        """Returns the columns of the history that hold numbers, by name."""
        with self.history.open(newline="") as file:
            rows = list(csv.DictReader(file))
        names = rows[0].keys() if rows else ()
        # Keras writes "NA" for what was not measured, and a column of it for each
        # metric of a validation that there was not.
        columns = {
            name: [float("nan" if row[name] == "NA" else row[name]) for row in rows]
            for name in names
        }
        return {
            name: values
            for name, values in columns.items()
            if not all(map(math.isnan, values))
        }

    def cut_history(self, epochs: int) -> None:
        """Drops the rows of epochs that the checkpoint does not have."""
        if not self.history.is_file():
            return
        header, *rows = self.history.read_text().splitlines(keepends=True)
        self.history.write_text("".join([header, *rows[:epochs]]))


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole model each `every`-th and the last epoch, in one stroke.

    Args:
        folder: The run's folder.
        every: Epochs.
    """

    def __init__(self, folder: RunFolder, every: int):
        super().__init__()
        self.folder = folder
        self.every = every

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves beside the last checkpoint and then takes its place."""
        if (epoch + 1) % self.every and epoch + 1 != self.params["epochs"]:
            return
        # A run that is killed while it saves must find the checkpoint before.
        fresh = self.folder.path / "checkpoint.next.keras"
        self.model.save(fresh)
        os.replace(fresh, self.folder.checkpoint)
