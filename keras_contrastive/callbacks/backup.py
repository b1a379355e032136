"""A run that can be cut off anywhere: what it has come to, kept in a folder."""

import math
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import threading
import time
import zipfile
from typing import Any

import keras

from keras_contrastive._files import replaced
from keras_contrastive.distribute import Workers
from keras_contrastive.models import ContrastiveModel

# Of the time of a run, where it may choose how often to save.
_SHARE = 0.02
# Steps after which workers ask each other whether one of them has to go.
_ASK_EVERY = 10
_TERMINATED = 128 + signal.SIGTERM
_TORN = (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError)


class Backup(keras.callbacks.Callback):
    """Saves the whole model each epoch, so that a run which dies can go on.

    Weights, optimizer, memories, seeds and the number of the step are one file, which
    takes the place of the one before in one stroke; that one is kept, too. A run that
    goes on from it ends bit by bit as one that was never cut off, if its data depend on
    the step alone, as those of `kc.data.views` do:

        backup = kc.callbacks.Backup("runs/mine")
        with strategy.scope():
            model = backup.load() or make_model()
        epoch, batch = divmod(model.steps_taken, steps)
        data = kc.data.views(
            images, policy, 256, first_epoch=epoch, first_batch=batch, repeat=True
        )
        model.fit(data, steps_per_epoch=steps, epochs=100, initial_epoch=epoch,
                  initial_batch=batch, callbacks=[backup])

    On SIGTERM, by which schedulers announce a preemption, it saves at the end of the
    step and exits with status 143. Under several workers the chief writes, and all of
    them save and exit at one step; the folder must be one that all of them see.

    Place it last: what stands before it has done its part of an epoch that is saved.

    Args:
        folder: Where `checkpoint.keras` and `previous.keras` are kept; made at the
            first save.
        every: Epochs between two saves; None saves each epoch, or less often where
            that would take more than 2% of the time. The last epoch is always saved.

    Raises:
        ValueError: If `every` is not a positive integer.
    """

    def __init__(self, folder: str | os.PathLike, every: int | None = None):
        super().__init__()
        if every is not None and (not isinstance(every, int) or every < 1):
            raise ValueError(
                f"`every` must be a positive integer or None. Received: {every!r}"
            )
        self.folder = pathlib.Path(folder).expanduser()
        self.every = every
        self.path = self.folder / "checkpoint.keras"
        self.previous = self.folder / "previous.keras"
        self._metrics: list[Any] | None = None
        self._torn = False
        self._asked_to_go = False

    def load(self) -> keras.Model | None:
        """Returns the model as it was last saved; None if it was not.

        To be called in the scope of the strategy. A file that is torn, as a crash of
        the machine may leave it, is passed over for the one before.

        Raises:
            OSError: If there are files, and none of them can be read.
            ValueError: If workers do not see the same files.
        """
        self._check_shared()
        errors = []
        for path in (self.path, self.previous):
            if not path.is_file():
                continue
            try:
                model = keras.saving.load_model(path)
            except _TORN as error:
                errors.append(f"{path}: {error}")
                continue
            self._metrics = [v.numpy() for v in _metric_variables(model)]
            self._torn = path == self.previous
            return model
        if errors:
            raise OSError(
                f"`folder` must hold a backup that can be read. Received: {errors}"
            )
        return None

    def _check_shared(self) -> None:
        import tensorflow as tf

        sizes = [p.stat().st_size for p in (self.path, self.previous) if p.is_file()]
        if not Workers(tf.distribute.get_strategy()).agree(sum(sizes) % 2**20):
            raise ValueError(
                "`folder` must be one that all workers see, with the same backup. "
                f"Received: {self.folder}, with files of {sizes} bytes"
            )

    def set_model(self, model: keras.Model) -> None:
        """Takes the model.

        Raises:
            TypeError: If it does not count its steps.
        """
        super().set_model(model)
        if not isinstance(model, ContrastiveModel):
            raise TypeError(
                "`Backup` saves models of this package, which count their steps. "
                f"Received: {type(model).__name__}"
            )
        self._workers = Workers(model.distribute_strategy)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begins to listen for SIGTERM."""
        self._cost, self._saved_at = 0.0, time.monotonic()
        self._asked_to_go, self._batches = False, 0
        self._before: Any = None
        # Python hands signals to the main thread alone.
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._on_signal)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Leaves SIGTERM to whom it was."""
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _on_signal(self, number: int, frame: Any) -> None:
        if self._asked_to_go or not _fitting(frame):
            # Asked again, it does not wait for the end of the step; and a `fit` that
            # an error ended has no end of a step to wait for.
            signal.signal(number, self._before)
            os.kill(os.getpid(), number)
        else:
            self._asked_to_go = True

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Gives an epoch that was cut off the means of its first part."""
        if self._metrics is not None and self.model.begun_within_epoch:
            variables = _metric_variables(self.model)
            for variable, value in zip(variables, self._metrics, strict=True):
                variable.assign(value)
        self._metrics = None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None):
        """Saves and exits if SIGTERM has come, to any of the workers."""
        self._batches += 1
        if batch + 1 >= (self.params.get("steps") or math.inf):
            # Not before the other callbacks had their epoch's end.
            return
        if not self._workers.several:
            go = self._asked_to_go
        else:
            ask = self._batches % _ASK_EVERY == 0
            go = ask and self._workers.any(self._asked_to_go)
        if go:
            self._leave()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves, if it is time."""
        if self._workers.any(self._asked_to_go):
            self._leave()
        last = epoch + 1 == self.params.get("epochs") or self.model.stop_training
        if self.every is not None:
            due = last or (epoch + 1) % self.every == 0
        else:
            waited = time.monotonic() - self._saved_at
            # By the chief's clock.
            due = self._workers.is_chief and waited * _SHARE >= self._cost
            due = last or self._workers.any(due)
        if due:
            self.save()

    def save(self) -> None:
        """Saves the model as it is, in the place of the last backup.

        Raises:
            OSError: If the folder cannot be written; the last backup is then whole.
        """
        begun = time.monotonic()
        if self._workers.is_chief:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replaced(self.path) as fresh:
                keras.saving.save_model(self.model, fresh)
                # Never what is torn in the place of what is whole.
                if self.path.exists() and not self._torn:
                    os.replace(self.path, self.previous)
            self._torn = False
        else:
            # Saving reads what is spread over all workers, so all of them take part.
            folder = tempfile.mkdtemp()
            try:
                keras.saving.save_model(self.model, os.path.join(folder, "x.keras"))
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        self._saved_at = time.monotonic()
        self._cost = self._saved_at - begun

    def _leave(self) -> None:
        self.save()
        print(
            f"SIGTERM: saved at step {self.model.steps_taken} to {self.path}; run "
            "again, it goes on there.",
            file=sys.stderr,
            flush=True,
        )
        raise SystemExit(_TERMINATED)


def _fitting(frame: Any) -> bool:
    """Returns whether a frame of the stack is within a model's `fit`."""
    while frame is not None:
        if frame.f_code is ContrastiveModel.fit.__code__:
            return True
        frame = frame.f_back
    return False


def _metric_variables(model: keras.Model) -> list[keras.Variable]:
    return [v for metric in model.metrics for v in metric.variables]
