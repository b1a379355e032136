"""What the units of a first layer look for."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_contrastive.energies import RBM
from keras_contrastive.plots.image_sheet import as_images, draw_sheet, sheet
from keras_contrastive.plots.particles import check_count

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_filters(
    weights: Any, image_shape: Sequence[int] | None = None, count: int = 100
) -> "Figure":
    """Draws the strongest filters of an RBM or of a network's first layer.

    Args:
        weights: An `RBM`; or a dense kernel, `(pixels, units)`; or a convolutional one,
            `(height, width, channels, units)`.
        image_shape: `(height, width)` or `(height, width, channels)` of what a dense
            kernel sees; None: a square.
        count: Filters at most; those of the greatest length.

    Returns:
        A figure: a sheet of filters, from the longest to the shortest, row by row. Red
        weights are above 0, blue ones below, white ones 0; each filter has a scale of
        its own, up to its largest weight. Three channels are drawn as colours, grey 0.

    Raises:
        ValueError: If the weights are no such kernel, or `count` is below 1.
    """
    check_count(count)
    kernel = np.asarray(weights.kernel if isinstance(weights, RBM) else weights)
    if kernel.ndim not in (2, 4):
        raise ValueError(
            "`weights` must be an RBM or a kernel, of shape (pixels, units) or "
            f"(height, width, channels, units). Received: shape {kernel.shape}"
        )
    filters = as_images("weights", np.moveaxis(kernel, -1, 0), image_shape, 1)
    flat = filters.reshape(len(filters), -1)
    order = np.argsort(-np.linalg.norm(flat, axis=1), kind="stable")[:count]
    largest = np.abs(flat[order]).max(axis=1)
    # A filter of zeros stays one.
    largest = np.where(largest > 0, largest, 1)
    scaled = filters[order] / largest.reshape(-1, *[1] * (filters.ndim - 1))
    columns = math.ceil(math.sqrt(len(scaled)))
    of = f" of {len(filters)}" if len(order) < len(filters) else ""
    title = f"{len(order)}{of} filters, each on its own scale"
    if scaled.ndim == 4:
        whole = sheet((scaled + 1) / 2, columns, 1.0)
        return draw_sheet(whole, columns, title)
    # Gaps are of no value on the scale, and drawn as grey.
    whole = np.ma.masked_invalid(sheet(scaled, columns, np.nan))
    figure = draw_sheet(whole, columns, title, cmap="RdBu_r", vmin=-1, vmax=1)
    figure.axes[0].set_facecolor("0.6")
    return figure
