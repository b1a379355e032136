"""Many small images in one picture, laid out in rows."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_contrastive.plots.figure import DPI, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Inches of an image, of what is above the sheet, of a figure's width at least and of a
# letter beside it; and pixels between two images.
_CELL = 0.6
_MARGIN = 0.5
_NARROWEST = 3.0
_LETTER = 0.08
GAP = 1


def as_images(
    name: str, x: Any, image_shape: Sequence[int] | None, axes: int
) -> np.ndarray:
    """Returns points as images, `(..., height, width)` or `(..., height, width, 3)`.

    Args:
        name: The argument's name, for the error message.
        x: Points with as many leading axes as `axes`.
        image_shape: `(height, width)`, or with 1 or 3 channels; None: that of `x`, or a
            square where points are flat and have a square number of values.
        axes: 1 for a batch, 2 for batches over time.

    Raises:
        ValueError: If the points have no such shape, or there are none.
    """
    x = np.asarray(x)
    event = x.shape[axes:]
    size = math.prod(event)
    shape = event if image_shape is None else tuple(image_shape)
    if image_shape is None and len(event) == 1:
        shape = (math.isqrt(size),) * 2
    if (
        x.ndim <= axes
        or not x.size
        or math.prod(shape) != size
        or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3)))
    ):
        raise ValueError(
            f"`{name}` must be at least one image, and `image_shape` (height, width) "
            "or (height, width, 1 or 3) where its points are flat. "
            f"Received: shape {x.shape} with image_shape={image_shape}"
        )
    images = x.reshape(*x.shape[:axes], *shape)
    if not np.isfinite(images).all():
        raise ValueError(f"`{name}` must be finite. Received: NaN or infinity")
    return images[..., 0] if shape[2:] == (1,) else images


def unit_range(images: np.ndarray) -> np.ndarray:
    """Returns float images cut off to [0, 1]; uint8 ones over 255."""
    scale = 255 if images.dtype == np.uint8 else 1
    return np.clip(images.astype(np.float32) / scale, 0, 1)


def sheet(images: np.ndarray, columns: int, blank: float, gap: int = GAP) -> np.ndarray:
    """Returns one image of many, row by row, with a gap around each.

    Args:
        images: `(count, height, width)` or `(count, height, width, 3)`.
        columns: Images in a row.
        blank: What gaps are filled with, and what is left of the last row.
        gap: In pixels.
    """
    count, height, width, *channels = images.shape
    rows = math.ceil(count / columns)
    size = (gap + rows * (height + gap), gap + columns * (width + gap), *channels)
    whole = np.full(size, blank, images.dtype)
    for number, image in enumerate(images):
        top = gap + number // columns * (height + gap)
        left = gap + number % columns * (width + gap)
        whole[top : top + height, left : left + width] = image
    return whole


def draw_sheet(
    whole: np.ndarray,
    columns: int,
    title: str,
    rows: Sequence[str] = (),
    **options: Any,
) -> "Figure":
    """Returns a figure of a sheet, pixel by pixel.

    Args:
        whole: As `sheet` returns it.
        columns: Images from left to right.
        title: What is above it.
        rows: What stands beside each row of images.
        **options: Of `imshow`.
    """
    # No pixel of an image is smaller than one of the figure.
    width = max(_CELL * columns, whole.shape[1] / DPI, _NARROWEST)
    height = width * whole.shape[0] / whole.shape[1]
    names = _LETTER * max(map(len, rows), default=0)
    figure = new_figure(width + 0.2 + names, height + _MARGIN)
    ax = figure.subplots()
    ax.imshow(whole, interpolation="nearest", **options)
    ax.set_xticks([])
    places = (np.arange(len(rows)) + 0.5) * whole.shape[0] / max(len(rows), 1)
    ax.set_yticks(places, rows, fontsize=8)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(title, fontsize=11)
    return figure
