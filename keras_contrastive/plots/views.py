"""A sheet of images beside the views that an augmentation made of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_contrastive.plots.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL = 1.1


def plot_views(images: Any, views: Sequence[Any], count: int = 8) -> "Figure":
    """Draws the first images of a batch, one in a row, each with its views.

    Args:
        images: `(batch, height, width, channels)`, 1 or 3 channels, uint8 in 0..255 or
            float in [0, 1].
        views: One such batch for each view, of any height and width.
        count: Rows at most.

    Returns:
        A figure: the originals in the left column, the views in the others.

    Raises:
        ValueError: If a batch has another shape or number of images, if `views` is
            empty, or if `count` is below 1.
    """
    if count < 1:
        raise ValueError(f"`count` must be at least 1. Received: count={count}")
    columns = {"image": _pictures("images", images)}
    for number, view in enumerate(views, 1):
        name = f"view {number}"
        columns[name] = _pictures(f"views[{number - 1}]", view)
        if len(columns[name]) != len(columns["image"]):
            raise ValueError(
                f"`views` must hold a view of each of the {len(columns['image'])} "
                f"images. Received: {len(columns[name])} in views[{number - 1}]"
            )
    if len(columns) == 1:
        raise ValueError("`views` must hold at least one batch. Received: none")

    rows = min(count, len(columns["image"]))
    figure = new_figure(_CELL * len(columns) + 0.2, _CELL * rows + 0.3)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for axes, (name, pictures) in zip(grid.T, columns.items(), strict=True):
        axes[0].set_title(name, fontsize=11)
        for ax, picture in zip(axes, pictures, strict=False):
            # Small images are to be seen as they are, pixel by pixel.
            ax.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            ax.set_xticks([])
            ax.set_yticks([])
            for side in ax.spines.values():
                side.set_color("0.7")
    return figure


def _pictures(name: str, batch: Any) -> np.ndarray:
    """Returns images as matplotlib draws them: floats in [0, 1], grey without axis."""
    batch = np.asarray(batch)
    if batch.ndim != 4 or batch.shape[-1] not in (1, 3) or not len(batch):
        raise ValueError(
            f"`{name}` must have shape (batch, height, width, 1 or 3) with at least "
            f"one image. Received: shape {batch.shape}"
        )
    scale = 255 if batch.dtype == np.uint8 else 1
    batch = np.clip(batch.astype(np.float32) / scale, 0, 1)
    return batch[..., 0] if batch.shape[-1] == 1 else batch
