"""Grey images for a trunk that takes colour, and colour for one that takes grey."""

from typing import Any

import tensorflow as tf

from .batches import examples


def with_channels(images: Any, channels: int) -> tf.data.Dataset:
    """Returns images with the number of channels that a trunk takes.

    Grey is repeated to three channels. Colour becomes its luma, 0.299 R + 0.587 G +
    0.114 B, the weights of ITU-R BT.601.

    Args:
        images: As for `extract_features`.
        channels: 1 or 3, or the number that they have already.

    Returns:
        A dataset of `{"image", "label", ...}`, in the same order and dtype.

    Raises:
        ValueError: If the images have another number of channels than that, and it
            is not 1 and 3, or 3 and 1; and as `extract_features`.
    """
    dataset = examples(images)
    found = dataset.element_spec["image"].shape[-1]
    if found == channels:
        return dataset
    change = {(1, 3): tf.image.grayscale_to_rgb, (3, 1): tf.image.rgb_to_grayscale}
    if (found, channels) not in change:
        raise ValueError(
            f"`images` must have {channels} channels, as the encoder takes, or be grey "
            f"for a trunk of 3 or of 3 for a grey one. Received: {found}"
        )
    change = change[found, channels]
    return dataset.map(lambda x: {**x, "image": change(x["image"])}, tf.data.AUTOTUNE)
