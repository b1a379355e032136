"""How positives were pulled together and negatives apart, kept over a training run."""

import json
import os
import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive._files import replaced
from keras_contrastive.distribute import is_chief
from keras_contrastive.evaluation.pair_histogram import PairHistogram, pair_histogram

from .evidence import Look
from .representation_monitor import RepresentationMonitor

# Where a model has what follows the trunk, of an image as it is.
_HEADS = ("projection", "image_head")


class PairRecorder(keras.callbacks.Callback):
    """Writes histograms of the cosines of positive and negative pairs at some epochs.

    They are those of the embeddings that the loss compares: of the features that a
    `RepresentationMonitor` has just computed of two views of its images, so that no
    image passes the trunk again, behind the model's head in inference mode. It looks
    before training, after the first and the last epoch, and after some of those between
    at which the monitor measures, close together where things change fast, at the
    beginning. Where something is not finite, that moment is left out.

        monitor = kc.callbacks.RepresentationMonitor(images, augment=policy)
        recorder = kc.callbacks.PairRecorder(monitor, "runs/mine/pairs.json")
        model.fit(pairs, epochs=20, callbacks=[monitor, recorder])
        kc.plots.plot_pair_similarities(
            kc.callbacks.read_pairs("runs/mine/pairs.json")
        )

    A run that goes on from a `Backup` goes on with the file, which ends as that of a
    run which was never cut off. Under several workers all of them must have it, and the
    chief writes.

    Args:
        monitor: It must have views, and stand before this in the list of callbacks.
        path: The JSON file; its folder is made.
        moments: After how many epochs to look at most, at least 2.
        head: Layer from features to what is compared; by default the model's, or none
            where it has none.

    Raises:
        ValueError: If the monitor has no views or `moments` is too small.
    """

    def __init__(
        self,
        monitor: RepresentationMonitor,
        path: str | os.PathLike,
        moments: int = 5,
        head: keras.Layer | None = None,
    ):
        super().__init__()
        if monitor.pairs is None:
            raise ValueError(
                "`monitor` must have views, by `augment` or `pairs`. Received: a "
                "monitor without"
            )
        if moments < 2:
            raise ValueError(f"`moments` must be at least 2. Received: {moments}")
        self.monitor = monitor
        self.path = pathlib.Path(path).expanduser()
        self.moments = moments
        self.head = head

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Looks at the pairs before training."""
        self._writes = is_chief(self.model.distribute_strategy)
        self._kept: dict[int, PairHistogram] | None = None
        self._before = self._counted(self.monitor.before)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes up the record where a run goes on, or begins it."""
        if self._kept is not None or not self._writes:
            return
        self._kept = {}
        # By the steps, for a run may have been cut off within its first epoch.
        if getattr(self.model, "steps_taken", 0) and self.path.is_file():
            stored = read_pairs(self.path)
            # Not of epochs that the backup has not seen.
            self._kept = {key: x for key, x in stored.items() if key <= epoch}
        if not self._kept:
            self._write(epoch, self._before)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds what the monitor has just seen, if it is one of the epochs."""
        chosen = moments(self.params["epochs"], self.monitor.every, self.moments)
        if epoch + 1 in chosen:
            found = self._counted(self.monitor.now)
            if self._writes:
                self._write(epoch + 1, found)

    def _counted(self, look: Look | None) -> PairHistogram | None:
        """Returns the histogram of a moment, None where something is not finite.

        All workers take part: what a head's batch norm has seen is spread over them.
        """
        if look is None:
            return None
        heads = (getattr(self.model, name, None) for name in _HEADS)
        head = self.head or next((x for x in heads if x is not None), None)
        views = look.views
        if head is not None:
            embedded = (head(tf.constant(x), training=False) for x in views)
            views = tuple(tf.cast(x, tf.float32).numpy() for x in embedded)
        return pair_histogram(*views) if np.isfinite(views).all() else None

    def _write(self, epoch: int, found: PairHistogram | None) -> None:
        if found is None:
            return
        self._kept[epoch] = found
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(self.path) as fresh:
            fresh.write_text(json.dumps(_as_json(self._kept)) + "\n")


def moments(epochs: int, every: int, count: int) -> list[int]:
    """Returns which of the measured epochs are kept: the first, the last, some between.

    Args:
        epochs: Of the run.
        every: Epochs between two measurements; the first and the last are measured,
            too.
        count: How many at most.
    """
    measured = np.array(sorted({1, epochs, *range(every, epochs + 1, every)}))
    wanted = np.geomspace(1, epochs, count)
    nearest = np.abs(measured[:, None] - wanted).argmin(axis=0)
    return measured[sorted(set(nearest))].tolist()


def read_pairs(path: str | os.PathLike) -> dict[int, PairHistogram]:
    """Returns what a `PairRecorder` has written, by the number of epochs trained.

    Args:
        path: Its file.
    """
    stored = json.loads(pathlib.Path(path).expanduser().read_text())
    return {
        row["epoch"]: PairHistogram(
            np.array(row["positives"]),
            np.array(row["negatives"]),
            row["positive_mean"],
            row["negative_mean"],
        )
        for row in stored["moments"]
    }


def _as_json(kept: dict[int, PairHistogram]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return value.tolist() if isinstance(value, np.ndarray) else value

    rows = [
        {"epoch": epoch, **{name: plain(x) for name, x in found._asdict().items()}}
        for epoch, found in kept.items()
    ]
    return {"cosines_from": -1, "cosines_to": 1, "moments": rows}
