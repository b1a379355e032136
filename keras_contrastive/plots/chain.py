"""What chains pass on their way, as rows of images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_contrastive.plots.image_sheet import (
    GAP,
    as_images,
    draw_sheet,
    sheet,
    unit_range,
)
from keras_contrastive.plots.particles import check_count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLANK = 0.5


def plot_chain(
    samples: Any,
    image_shape: Sequence[int] | None = None,
    steps: Sequence[int] | None = None,
    count: int = 10,
    records: int = 12,
) -> "Figure":
    """Draws the first chains of a walk, one in a row, time from left to right.

    Args:
        samples: `(records, chains, ...)`, as `sampler.chain(...).samples` holds them:
            images or flat ones; uint8, or floats, which are cut off to [0, 1].
        image_shape: `(height, width)` or `(height, width, channels)`; None: that of the
            samples, or a square.
        steps: Number of the step of each record, written above it; None: 1, 2, ...
        count: Chains at most.
        records: Records at most, spread evenly from the first to the last; at least 2.

    Returns:
        A figure with a row a chain and a column a record.

    Raises:
        ValueError: If the samples are no such images, `steps` has another length, or
            `count` is below 1 or `records` below 2.
    """
    check_count(count)
    if records < 2:
        raise ValueError(f"`records` must be at least 2. Received: {records}")
    images = unit_range(as_images("samples", samples, image_shape, 2))
    steps = range(1, len(images) + 1) if steps is None else steps
    if len(steps) != len(images):
        raise ValueError(
            f"`steps` must hold one number for each of {len(images)} records. "
            f"Received: {len(steps)}"
        )
    columns = min(records, len(images))
    shown = np.linspace(0, len(images) - 1, columns).round().astype(int)
    kept = np.swapaxes(images[shown, :count], 0, 1)  # (chains, records, ...)
    whole = sheet(kept.reshape(-1, *kept.shape[2:]), columns, _BLANK)
    figure = draw_sheet(whole, columns, "step", cmap="gray", vmin=0, vmax=1)
    ax = figure.axes[0]
    width = images.shape[3] + GAP
    ax.set_xticks(
        [GAP + width * column + (width - GAP - 1) / 2 for column in range(columns)],
        [_short(steps[record]) for record in shown],
        fontsize=8,
    )
    ax.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    return figure


def _short(step: int) -> str:
    """Returns a number that is no wider than an image."""
    return f"{step:,}" if step < 1_000_000 else f"{step:.3g}"
