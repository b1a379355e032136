"""Image files of every kind as tensors of one kind."""

import functools

import tensorflow as tf


def decoded(contents: tf.Tensor, channels: int) -> tf.Tensor:
    """Returns the image in a file as `(height, width, channels)` uint8.

    Args:
        contents: Of a JPEG, PNG, GIF (whose first frame is taken), BMP or WebP.
        channels: 1 or 3, whatever the file has; an alpha channel is laid over white.
    """
    image = tf.io.decode_image(contents, expand_animations=False)
    image = tf.ensure_shape(image, (None, None, None))
    # Grey or coloured, each with an alpha channel or without.
    image = tf.cond(
        tf.shape(image)[-1] % 2 == 0,
        functools.partial(_over_white, image),
        lambda: image,
    )
    image = tf.broadcast_to(image, [*tf.unstack(tf.shape(image)[:2]), 3])
    return tf.image.rgb_to_grayscale(image) if channels == 1 else image


def _over_white(image: tf.Tensor) -> tf.Tensor:
    values = tf.cast(image, tf.float32)
    colours, alpha = values[..., :-1], values[..., -1:] / 255
    return tf.cast(tf.round(colours * alpha + 255 * (1 - alpha)), tf.uint8)
