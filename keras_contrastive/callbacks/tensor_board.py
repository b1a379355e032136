"""TensorBoard: what the logs say, epoch by epoch, and a grid of augmented views."""

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

_WHITE = 1.0


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras's callback of that name, and images beside the views made of them.

    It needs `pip install ".[tensorboard]"`, without which TensorFlow has none.
    Numbers that were not measured at an epoch, which the monitors log as NaN, are left
    out of it. Place it after the callbacks that measure.

        images = next(iter(data.batch(8)))["image"]
        views = [policy(images, seed=[0, view]) for view in range(4)]
        board = kc.callbacks.TensorBoard("runs/mine/tensorboard", views)

    Args:
        log_dir: Folder to write to.
        views: Batches of one shape `(n, height, width, 1 or 3)`, uint8, or floats in
            [0, 1]: a column each, and a row an image. Empty for none.
        **options: Of Keras's callback; by default `write_graph` is False.

    Raises:
        ValueError: If the views differ in shape, or are no images.
    """

    def __init__(
        self, log_dir: str | os.PathLike, views: Sequence[Any] = (), **options: Any
    ):
        # The graph of a model with a `train_step` of its own is not drawn anyway.
        super().__init__(log_dir, **{"write_graph": False, **options})
        self.grid = view_grid(views) if len(views) else None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Writes the views."""
        super().on_train_begin(logs)
        if self.grid is not None:
            with self._train_writer.as_default():
                tf.summary.image("views", self.grid[None], step=0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the numbers that there are."""
        measured = {name: x for name, x in (logs or {}).items() if np.isfinite(x)}
        super().on_epoch_end(epoch, measured)


def view_grid(views: Sequence[Any]) -> np.ndarray:
    """Returns one image: a row an image and a column a view, a pixel apart.

    Args:
        views: As for `TensorBoard`, at least one.

    Returns:
        `(rows, columns, channels)` float32 in [0, 1].

    Raises:
        ValueError: If the views differ in shape, or are no images.
    """
    columns = [np.asarray(view) for view in views]
    shapes = [column.shape for column in columns]
    shape = shapes[0]
    if len(set(shapes)) > 1 or len(shape) != 4 or shape[-1] not in (1, 3):
        raise ValueError(
            "`views` must be batches of one shape (n, height, width, 1 or 3). "
            f"Received: shapes {shapes}"
        )
    scaled = [x / np.float32(255 if x.dtype == np.uint8 else 1) for x in columns]
    cells = np.stack(scaled, axis=1).clip(0, 1)  # (n, views, height, width, channels)
    gap = [(0, 0), (0, 0), (0, 1), (0, 1), (0, 0)]
    cells = np.pad(cells, gap, constant_values=_WHITE)
    n, count, height, width, channels = cells.shape
    cells = cells.transpose(0, 2, 1, 3, 4)  # (n, height, views, width, channels)
    return cells.reshape(n * height, count * width, channels)[:-1, :-1]
