"""What watches a pretraining run: measures by epoch, and whom their warnings reach."""

import contextlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import keras

from keras_contrastive import callbacks
from keras_contrastive.cli.methods import METHODS
from keras_contrastive.cli.parts import load, make_policy
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.settings import Settings
from keras_contrastive.cli.splits import Splits
from keras_contrastive.data.load import Description

# Images that watch the training: enough to follow it, few enough not to slow it. The
# last is of those whose views are compared, each with each.
_BANK, _QUERIES, _COMPARED = 10_000, 2_000, 256
# Images in TensorBoard's grid.
_SHOWN = 8


def accuracy(
    settings: Settings, description: Description, splits: Splits, first_epoch: int
) -> list[keras.callbacks.Callback]:
    """Returns what measures the accuracy of neighbours, where there are labels.

    Args:
        settings: Of the run.
        description: Of its images.
        splits: Of its images.
        first_epoch: Number of epochs that it has behind it.
    """
    if not description.num_classes:
        return []
    monitor = callbacks.KNNMonitor(
        load(settings, splits.bank).take(_BANK),
        load(settings, splits.queries).take(_QUERIES),
        every=settings.knn_every,
        image_size=settings.image_size,
        measure_first=not first_epoch,
    )
    return [monitor]


def spread(
    settings: Settings,
    description: Description,
    splits: Splits,
    folder: RunFolder,
    first_epoch: int,
) -> list[keras.callbacks.Callback]:
    """Returns what measures how images lie apart, and the views of one together.

    Args:
        settings: Of the run.
        description: Of its images.
        splits: Of its images; without labels none are held out, and it looks at those
            that are trained on.
        folder: Of the run.
        first_epoch: Number of epochs that it has behind it.
    """
    split = splits.queries if description.num_classes else splits.train
    images = load(settings, split).take(_COMPARED)
    if int(images.cardinality()) < 2:
        return []
    pairs = METHODS[settings.method].pairs
    monitor = callbacks.RepresentationMonitor(
        images,
        every=settings.knn_every,
        image_size=settings.image_size,
        augment=make_policy(settings) if pairs else None,
        seed=settings.seed,
        measure_first=not first_epoch,
    )
    return (
        [monitor, callbacks.PairRecorder(monitor, folder.pairs)] if pairs else [monitor]
    )


def board(
    folder: RunFolder, settings: Settings | None = None, split: str = ""
) -> keras.callbacks.Callback:
    """Returns what writes for TensorBoard.

    Args:
        folder: Of the run.
        settings: Of a run whose images are augmented, to show their views.
        split: Of these images.
    """
    views: list[Any] = []
    if settings is not None:
        images = next(iter(load(settings, split).batch(_SHOWN)))["image"]
        policy = make_policy(settings)
        views = [policy(images, seed=[settings.seed, view]) for view in range(4)]
    return callbacks.TensorBoard(folder.path / "tensorboard", views)


def check_board(wanted: bool) -> None:
    """Stops where TensorBoard is asked for and not there.

    Raises:
        ValueError: If it is not installed.
    """
    if wanted and importlib.util.find_spec("tensorboard") is None:
        raise ValueError(
            '`tensorboard` must be installed: pip install ".[tensorboard]". '
            "Received: --tensorboard without it"
        )


@contextlib.contextmanager
def collapse_told() -> Iterator[None]:
    """Tells whoever runs the command of a collapse, in words and without a source."""
    with warnings.catch_warnings():
        # Told and gone on with, whatever is done to warnings elsewhere: it is a guess.
        warnings.simplefilter("always", callbacks.CollapseWarning)
        others = warnings.showwarning

        def show(message: Any, category: type, *where: Any, **more: Any) -> None:
            if issubclass(category, callbacks.CollapseWarning):
                print(f"\n{message}", file=sys.stderr, flush=True)
            else:
                others(message, category, *where, **more)

        warnings.showwarning = show
        yield
