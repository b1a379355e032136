"""The folder of a run: what is in it, and how a run that was cut off goes on."""

import csv
import dataclasses
import datetime
import json
import math
import os
import pathlib
import platform
from collections.abc import Set

import keras
import tensorflow as tf

from keras_contrastive._files import replaced
from keras_contrastive._version import __version__
from keras_contrastive.cli.energies.settings import EnergySettings
from keras_contrastive.cli.settings import Settings
from keras_contrastive.encoders.preset import IN_RUN

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
        self.pairs = self.path / "pair_similarities.json"
        self.preset = self.path / IN_RUN
        self.table = self.path / "evaluation.md"
        self.image_files = self.path / "image_files.txt"
        self._end = self.path / "finished"

    @staticmethod
    def fresh_path(settings: Settings | EnergySettings) -> str:
        """Returns a path below `runs/` for a run that was given none."""
        now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        dataset = settings.dataset.replace("/", "-").replace(":", "-")
        return f"runs/{settings.method}-{dataset}-{now}"

    @classmethod
    def create(
        cls,
        path: str,
        settings: Settings | EnergySettings,
        flags: Set[str],
        write: bool = True,
    ) -> "RunFolder":
        """Makes the folder of a new run and writes its config.

        Args:
            path: The folder.
            settings: The run's settings.
            flags: Names of those that were given.
            write: Whether this process is the one that writes.

        Raises:
            FileExistsError: If the folder is there and not empty.
        """
        folder = cls(path)
        if not write:
            return folder
        folder.check_unused()
        folder.path.mkdir(parents=True, exist_ok=True)
        config = {
            "settings": dataclasses.asdict(settings),
            "flags": sorted(flags),
            "versions": {
                "keras_contrastive": __version__,
                "keras": keras.__version__,
                "tensorflow": tf.__version__,
                "python": platform.python_version(),
            },
        }
        with replaced(folder.config) as fresh:
            fresh.write_text(json.dumps(config, indent=2) + "\n")
        return folder

    @property
    def unfinished(self) -> bool:
        """Whether a run was begun here and did not come to its end."""
        return self.config.is_file() and not self._end.is_file()

    @property
    def finished(self) -> bool:
        """Whether a run was begun here and came to its end."""
        return self.config.is_file() and self._end.is_file()

    @property
    def flags(self) -> list[str] | None:
        """Names of the flags that the run was begun with; None if it did not note."""
        return json.loads(self.config.read_text()).get("flags")

    def finish(self) -> None:
        """Marks the run as come to its end, so that no other takes its folder."""
        with replaced(self._end) as fresh:
            fresh.write_text(datetime.datetime.now().isoformat(timespec="seconds"))

    def check_unused(self) -> None:
        """Stops at a folder that something is in.

        Raises:
            FileExistsError: If the folder is there and not empty.
        """
        if not self.path.exists() or (
            self.path.is_dir() and not any(self.path.iterdir())
        ):
            return
        raise FileExistsError(
            "`output_dir` must be a new or an empty folder. Received: "
            f"{self.path}{', where another run is finished' if self.finished else ''}"
        )

    @classmethod
    def reopen(
        cls, path: str | None, name: str = "output_dir"
    ) -> tuple["RunFolder", Settings | EnergySettings]:
        """Opens the folder of a run that was started before.

        Args:
            path: The folder.
            name: The argument's, for the error message.

        Raises:
            FileNotFoundError: If no run was started there.
            ValueError: If its config was written by another version.
        """
        folder = cls(path or "")
        if path is None or not folder.config.is_file():
            raise FileNotFoundError(
                f"`{name}` must be the folder of a run, with {_CONFIG} in it. "
                f"Received: {path}"
            )
        stored = json.loads(folder.config.read_text())["settings"]
        kind = EnergySettings if "energy" in stored else Settings
        try:
            return folder, kind(**stored)
        except TypeError as error:
            raise ValueError(
                f"`{name}` must hold a run of this version, {__version__}. "
                f"Received: {path} ({error})"
            ) from error

    def read_history(self) -> dict[str, list[float]]:
        """Returns the columns of the history that hold numbers, by name.

        Keras counts the file's epochs from 0; here they count from 1, as people do.
        """
        with self.history.open(newline="") as file:
            rows = list(csv.DictReader(file))
        names = rows[0].keys() if rows else ()
        # Keras writes "NA" for what was not measured.
        columns = {
            name: [
                float("nan" if row[name] in ("NA", None) else row[name]) for row in rows
            ]
            for name in names
        }
        if "epoch" in columns:
            columns["epoch"] = [epoch + 1 for epoch in columns["epoch"]]
        return {
            name: values
            for name, values in columns.items()
            if not all(map(math.isnan, values))
        }

    def log(self, first_epoch: int) -> keras.callbacks.Callback:
        """Returns what writes the history on, from the epochs of the checkpoint."""
        self._cut_history(first_epoch)
        return _History(self.history, append=first_epoch > 0)

    def _cut_history(self, epochs: int) -> None:
        """Drops the rows of epochs that the checkpoint does not have."""
        if not self.history.is_file():
            return
        # Bytes, for the ends of lines are to stay as CSV has them.
        lines = self.history.read_bytes().splitlines(keepends=True)
        if not lines:
            return
        header, *rows = lines
        with replaced(self.history) as fresh:
            fresh.write_bytes(b"".join([header, *rows[:epochs]]))


class _History(keras.callbacks.CSVLogger):
    """Keras's, without an empty column for each metric of a validation."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Takes the metrics that there are for the columns."""
        if self.keys is None:
            self.keys = sorted(logs or {})
        super().on_epoch_end(epoch, logs)
