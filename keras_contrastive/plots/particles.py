"""The samples that an energy model believes in, as a sheet of images."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from keras_contrastive.plots.image_sheet import (
    as_images,
    draw_sheet,
    sheet,
    unit_range,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLANK = 0.5


def plot_particles(
    particles: Any,
    image_shape: Sequence[int] | None = None,
    count: int = 100,
    title: str = "particles",
) -> "Figure":
    """Draws the first particles of a buffer, or any other samples.

    Args:
        particles: `(n, ...)`: images, or flat ones such as an RBM's bits or their
            probabilities; uint8, or floats, which are cut off to [0, 1].
        image_shape: `(height, width)` or `(height, width, channels)`; None: that of the
            particles, or a square.
        count: Particles at most.
        title: What is above them.

    Returns:
        A figure: a sheet, as square as may be, filled row by row.

    Raises:
        ValueError: If the particles are no such images, or `count` is below 1.
    """
    check_count(count)
    images = unit_range(as_images("particles", particles, image_shape, 1)[:count])
    columns = math.ceil(math.sqrt(len(images)))
    whole = sheet(images, columns, _BLANK)
    return draw_sheet(whole, columns, title, cmap="gray", vmin=0, vmax=1)


def check_count(count: int) -> None:
    """Raises a ValueError if there is nothing to draw."""
    if count < 1:
        raise ValueError(f"`count` must be at least 1. Received: count={count}")
