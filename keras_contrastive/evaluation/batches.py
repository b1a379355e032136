"""Clean images in batches: what every measure reads, whatever it was handed."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive._untuned import untuned

_SLACK = 1e-3


def examples(source: Any) -> tf.data.Dataset:
    """Returns a dataset of `{"image"}` or `{"image", "label"}`, in the same order.

    Args:
        source: A dataset of dicts with "image" and perhaps "label", of pairs
            `(image, label)` or of images, in batches or one by one; or images
            `(n, height, width, channels)`; or a pair `(images, labels)` of arrays.

    Returns:
        A dataset of dicts, in batches if `source` is a dataset in batches.

    Raises:
        TypeError: If `source` is none of these, or holds neither uint8 nor floats.
        ValueError: If it has no images, images of an unknown or another rank, fewer
            or more labels than images, or no end.
    """
    if not isinstance(source, tf.data.Dataset):
        source = _from_arrays(source)
    _check_element(source.element_spec)
    dataset = untuned(source.map(_named))
    spec = dataset.element_spec["image"]
    if spec.shape.rank not in (3, 4):
        raise ValueError(
            "Images must have shape (height, width, channels), or (batch, height, "
            f"width, channels) in batches. Received: shape {spec.shape}"
        )
    if spec.dtype != tf.uint8 and not spec.dtype.is_floating:
        raise TypeError(
            "Images must be uint8 in 0..255 or floats in [0, 1]. "
            f"Received: dtype {spec.dtype.name}"
        )
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "The dataset must end: leave out `repeat()`. Received: a dataset "
            "without an end"
        )
    return dataset


def has_labels(dataset: tf.data.Dataset) -> bool:
    """Returns whether a dataset made by `examples` carries labels."""
    return "label" in dataset.element_spec


def single_examples(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns a dataset made by `examples` with its images one by one."""
    batched = dataset.element_spec["image"].shape.rank == 4
    return dataset.unbatch() if batched else dataset


def clean_batches(
    dataset: tf.data.Dataset, batch_size: int, image_size: int | None = None
) -> tf.data.Dataset:
    """Returns batches of float images, neither shuffled nor augmented.

    Args:
        dataset: As `examples` returns it.
        batch_size: Images a batch, where they are not in batches yet.
        image_size: Side in pixels to resize to (bilinear, antialiased); None leaves
            the size as it is.

    Returns:
        A dataset of `{"image": (batch, height, width, channels) float32, ...}`:
        uint8 divided by 255, floats cast. The last batch may be short.

    Raises:
        ValueError: If a size is below 1, or the images' size is not fixed and
            `image_size` is None.
    """
    for name, value in (("batch_size", batch_size), ("image_size", image_size)):
        if value is not None and value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {value}")
    shape = dataset.element_spec["image"].shape
    one_size = None not in shape[-3:-1]
    if not one_size and image_size is None:
        raise ValueError(
            "Images without one fixed size need `image_size`. "
            f"Received: image_size=None, images of shape {shape}"
        )

    def prepared(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {**example, "image": _as_floats(example["image"], image_size)}

    # A whole batch at once is faster, but images of several sizes make no batch.
    if shape.rank == 3 and one_size:
        dataset = dataset.batch(batch_size)
    dataset = dataset.map(prepared, num_parallel_calls=tf.data.AUTOTUNE)
    if shape.rank == 3 and not one_size:
        dataset = dataset.batch(batch_size)
    return dataset.prefetch(tf.data.AUTOTUNE)


def in_unit_range(images: tf.Tensor) -> tf.Tensor:
    """Returns whether all pixels are uint8 or in [0, 1]; NaN is not."""
    if images.dtype == tf.uint8:
        return tf.constant(True)
    # A minimum may pass over NaN; a comparison with NaN is always false.
    slack = tf.cast(_SLACK, images.dtype)
    return tf.reduce_all((images >= -slack) & (images <= 1 + slack))


def check_unit_range(images: tf.Tensor) -> None:
    """Raises a ValueError if a float image leaves [0, 1] or holds NaN."""
    if not in_unit_range(images):
        low, high = float(tf.reduce_min(images)), float(tf.reduce_max(images))
        nans = int(tf.reduce_sum(tf.cast(tf.math.is_nan(images), tf.int32)))
        raise ValueError(
            "Float images must be in [0, 1]; divide float images in 0..255 by 255. "
            f"Received: values from {low:.6g} to {high:.6g}, {nans} of them NaN"
        )


def _as_floats(images: tf.Tensor, image_size: int | None) -> tf.Tensor:
    """Returns images, one or a batch, as float32 of the asked size."""
    scale = 1 / 255 if images.dtype == tf.uint8 else 1.0
    images = tf.cast(images, tf.float32) * scale
    if image_size is None or images.shape[-3:-1] == (image_size, image_size):
        return images
    side = (image_size, image_size)
    return tf.image.resize(images, side, method="bilinear", antialias=True)


def _from_arrays(source: Any) -> tf.data.Dataset:
    """Returns a dataset of single images from arrays of them."""
    if isinstance(source, (tuple, list)) and len(source) == 2:
        images, labels = (np.asarray(part) for part in source)
        if labels.shape != images.shape[:1]:
            raise ValueError(
                "A pair of arrays must hold images and one label an image. "
                f"Received: shapes {images.shape} and {labels.shape}"
            )
        arrays = {"image": images, "label": labels}
    elif isinstance(source, np.ndarray) or keras.ops.is_tensor(source):
        arrays = {"image": np.asarray(source)}
    else:
        raise TypeError(
            "Images must come as a tf.data.Dataset, an array of images, or a pair "
            f"(images, labels) of arrays. Received: {type(source).__name__}"
        )
    if arrays["image"].ndim != 4:
        raise ValueError(
            "An array of images must have shape (n, height, width, channels). "
            f"Received: shape {arrays['image'].shape}"
        )
    with tf.device("CPU:0"):
        return tf.data.Dataset.from_tensor_slices(arrays)


def _check_element(spec: Any) -> None:
    """Raises a ValueError unless a dataset's elements have an image to take."""
    if isinstance(spec, dict):
        fits = "image" in spec
    elif isinstance(spec, tuple):
        fits = len(spec) == 2
    else:
        fits = isinstance(spec, tf.TensorSpec)
    if not fits:
        raise ValueError(
            'Examples must be dicts with an "image", pairs (image, label) or images. '
            f"Received: {spec}"
        )


def _named(*element: Any) -> dict[str, tf.Tensor]:
    """Returns an element as a dict of "image" and, where there is one, "label"."""
    if len(element) == 2:
        return {"image": element[0], "label": element[1]}
    (only,) = element
    if isinstance(only, dict):
        return {key: only[key] for key in ("image", "label") if key in only}
    return {"image": only}
