"""Retrieval as a picture: images, and beside each those that are nearest to it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from keras_contrastive.evaluation.checks import checked_rows
from keras_contrastive.plots.image_sheet import (
    GAP,
    as_images,
    draw_sheet,
    sheet,
    unit_range,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLANK = 1.0
_RIGHT, _WRONG = "tab:green", "tab:red"


def plot_neighbours(
    queries: Any,
    images: Any,
    rows: Any,
    query_labels: Any = None,
    labels: Any = None,
    title: str = "queries, and what is nearest to each",
) -> "Figure":
    """Draws a row of pictures a query: itself, a gap, and its nearest from the left.

    Args:
        queries: `(m, height, width)` or with 1 or 3 channels; uint8, or floats, which
            are cut off to [0, 1].
        images: What `rows` point into, `(n, ...)` of the same shape an image.
        rows: `(m, k)` integers, such as those of `kc.evaluation.Index.nearest`.
        query_labels: Classes of the queries `(m,)`.
        labels: Classes of the images `(n,)`. With both, what is of the query's class
            has a green frame and what is not a red one.
        title: What is above it.

    Returns:
        A figure.

    Raises:
        ValueError: If shapes or rows do not fit, or one of the labels is missing.
    """
    queries = unit_range(as_images("queries", queries, None, 1))
    # Only those that are shown are read: `images` may be large.
    images = np.asarray(images)
    rows = checked_rows("rows", rows, len(images), len(queries), several=True)
    found = unit_range(as_images("images", images[rows.ravel()], None, 1))
    if found.shape[1:] != queries.shape[1:]:
        raise ValueError(
            f"`images` must have the queries' shape, {queries.shape[1:]}. "
            f"Received: {found.shape[1:]}"
        )
    right = _right(rows, len(images), query_labels, labels)
    count = rows.shape[1]
    blank = np.full_like(queries, _BLANK)
    found = found.reshape(*rows.shape, *queries.shape[1:])
    shown = np.concatenate([queries[:, None], blank[:, None], found], axis=1)
    columns = count + 2
    whole = sheet(shown.reshape(-1, *queries.shape[1:]), columns, _BLANK)
    figure = draw_sheet(whole, columns, title, cmap="gray", vmin=0, vmax=1)
    if right is not None:
        _frame(figure.axes[0], right, queries.shape[1:3])
    return figure


def _frame(ax: Any, right: np.ndarray, size: tuple[int, int]) -> None:
    """Draws a frame around each picture that was found, in the gap beside it."""
    from matplotlib.patches import Rectangle

    height, width = (side + GAP for side in size)
    for (row, column), same in np.ndenumerate(right):
        # Pixels are centred on whole numbers, and the sheet begins with a gap.
        corner = (column + 2) * width, row * height
        color = _RIGHT if same else _WRONG
        ax.add_patch(Rectangle(corner, width, height, fill=False, color=color, lw=1.5))


def _right(
    rows: np.ndarray, count: int, query_labels: Any, labels: Any
) -> np.ndarray | None:
    """Returns which of the found `(m, k)` are of the query's class."""
    if query_labels is None and labels is None:
        return None
    if query_labels is None or labels is None:
        missing = "query_labels" if query_labels is None else "labels"
        raise ValueError(
            f"`{missing}` must be given where the other's labels are. Received: None"
        )
    query_labels, labels = np.asarray(query_labels), np.asarray(labels)
    for name, given, wanted in (
        ("query_labels", query_labels, len(rows)),
        ("labels", labels, count),
    ):
        if given.shape != (wanted,):
            raise ValueError(
                f"`{name}` must be of shape ({wanted},). Received: shape {given.shape}"
            )
    return labels[rows] == query_labels[:, None]
