"""What a pixel may be: uint8, or a float in [0, 1]."""

import tensorflow as tf

_SLACK = 1e-3


def as_unit_float(images: tf.Tensor) -> tf.Tensor:
    """Returns images as float32 in [0, 1].

    Args:
        images: Any shape; uint8 in 0..255, or any float type in [0, 1].

    Returns:
        The same shape, float32: uint8 divided by 255, floats cast.

    Raises:
        TypeError: If the images are neither uint8 nor floating.
    """
    images = tf.convert_to_tensor(images)
    if images.dtype == tf.uint8:
        return tf.cast(images, tf.float32) * (1 / 255)
    if not images.dtype.is_floating:
        raise TypeError(
            "`images` must be uint8 in 0..255 or floating in [0, 1]. "
            f"Received: dtype {images.dtype.name}"
        )
    return tf.cast(images, tf.float32)


def checked(images: tf.Tensor) -> tf.Tensor:
    """Returns the images; stops at floats outside [0, 1] and at NaN.

    uint8 images cannot be wrong and cost nothing. Under XLA, which has no assertions,
    nothing is checked.

    Args:
        images: Any shape; uint8, or any float type.

    Raises:
        tf.errors.InvalidArgumentError: When run on floats outside [0, 1] or NaN.
        TypeError: If the images are neither uint8 nor floating.
    """
    images = tf.convert_to_tensor(images)
    if images.dtype == tf.uint8:
        return images
    images = as_unit_float(images)
    low, high = tf.reduce_min(images), tf.reduce_max(images)
    # Written so that a NaN, which compares false with everything, fails.
    within = (low >= -_SLACK) & (high <= 1 + _SLACK)
    finite = tf.reduce_all(tf.math.is_finite(images))
    message = (
        "`images` must be uint8 in 0..255 or finite floats in [0, 1] (divide float "
        "images in 0..255 by 255). Received: minimum and maximum"
    )
    check = tf.debugging.Assert(within & finite, [message, low, high], name="pixels")
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(images)
