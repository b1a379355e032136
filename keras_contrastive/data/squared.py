"""Images of any size as squares of one."""

import tensorflow as tf


def squared(dataset: tf.data.Dataset, side: int) -> tf.data.Dataset:
    """Resizes every image to a square, so that they can be batched.

    Args:
        dataset: Single elements with "image" `(height, width, channels)` uint8.
        side: In pixels.

    Returns:
        The same elements with `(side, side, channels)` uint8 images: bilinear,
        antialiased, and squeezed where they were no square.
    """
    channels = dataset.element_spec["image"].shape[-1] or 3

    def resized(element: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        image = tf.image.resize(
            element["image"], (side, side), preserve_aspect_ratio=False, antialias=True
        )
        image = tf.cast(tf.round(image), tf.uint8)
        return {**element, "image": tf.ensure_shape(image, (side, side, channels))}

    return dataset.map(resized, num_parallel_calls=tf.data.AUTOTUNE)
