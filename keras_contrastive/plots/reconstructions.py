"""What an autoencoder makes of damaged images."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_contrastive.energies import AutoencoderEnergy
from keras_contrastive.plots.image_sheet import (
    as_images,
    draw_sheet,
    sheet,
    unit_range,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_reconstructions(
    energy: AutoencoderEnergy,
    images: Any,
    corruptions: Mapping[str, keras.layers.Layer],
    image_shape: Sequence[int] | None = None,
    seed: Sequence[int] = (0, 0),
) -> "Figure":
    """Draws images damaged at several levels, and what is made of them.

        levels = {f"{rate:.0%}": kc.augment.Masking(rate) for rate in (0.1, 0.25, 0.5)}
        kc.plots.plot_reconstructions(model.energy, images[:10], levels)

    Args:
        energy: Of an autoencoder.
        images: `(n, ...)`, floats in [0, 1], or uint8.
        corruptions: Layers that are called with a seed, by what the figure calls them.
        image_shape: `(height, width)` or `(height, width, channels)`; None: that of the
            images, or a square.
        seed: Two integers of the corruptions.

    Returns:
        A figure: the images in the first row, and for each corruption a row of damaged
        ones and one of their reconstructions.

    Raises:
        TypeError: If `energy` is not of an autoencoder.
        ValueError: If there is nothing to draw.
    """
    if not isinstance(energy, AutoencoderEnergy):
        raise TypeError(
            "`energy` must be of an autoencoder, such as `ReconstructionEnergy`. "
            f"Received: {type(energy).__name__}"
        )
    if not corruptions:
        raise ValueError("`corruptions` must hold at least one. Received: none")
    images = np.asarray(images)
    if images.dtype == np.uint8:
        images = images.astype(np.float32) / 255
    rows, names = [images], ["clean"]
    shape = images.shape[1:] if energy.event_shape is None else energy.event_shape
    for name, corruption in corruptions.items():
        damaged = np.asarray(corruption(images, seed=list(seed)))
        mended = energy.reconstruct(damaged.reshape(-1, *shape)).numpy()
        rows += [damaged, mended.reshape(images.shape)]
        names += [name, "→"]
    drawn = unit_range(as_images("images", np.concatenate(rows), image_shape, 1))
    columns = len(images)
    whole = sheet(drawn, columns, 0.5)
    title = "damaged, and mended"
    return draw_sheet(whole, columns, title, names, cmap="gray", vmin=0, vmax=1)
