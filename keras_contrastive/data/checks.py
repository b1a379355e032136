"""What a dataset, and the numbers beside it, must be to be batched."""

import operator
from typing import Any

import tensorflow as tf


def as_integer(name: str, value: Any, low: int, high: int = 2**63) -> int:
    """Returns `value` as an int in [low, high); otherwise says what is wrong.

    Args:
        name: The argument's name, for the message.
        value: Anything.
        low: Smallest value allowed.
        high: First value not allowed.

    Raises:
        TypeError: If the value is not an integer.
        ValueError: If it lies outside.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"`{name}` must be an integer. Received: {name}={value!r}")
    if not low <= number < high:
        raise ValueError(
            f"`{name}` must be at least {low} and below {high}. "
            f"Received: {name}={value!r}"
        )
    return number


def check_images(
    dataset: Any, batch_size: int
) -> tuple[tf.data.Dataset, tf.TensorSpec, int]:
    """Returns a dataset's numbers, checked as far as they can be before it is read.

    Args:
        dataset: Anything.
        batch_size: How many images it must hold at least.

    Returns:
        The dataset with numbers alone, its image's spec and its size.

    Raises:
        TypeError: If it is not a `tf.data.Dataset`.
        ValueError: If it is empty, of unknown size, batched already, without an image
            or too small.
    """
    if not isinstance(dataset, tf.data.Dataset):
        raise TypeError(
            "`dataset` must be a tf.data.Dataset, such as kc.data.load returns. "
            f"Received: {type(dataset).__name__}"
        )
    spec = dataset.element_spec
    if not isinstance(spec, dict) or "image" not in spec:
        raise ValueError(
            "`dataset` must have dictionaries with the key 'image' as elements. "
            f"Received: elements of {spec}"
        )
    image = spec["image"]
    if image.shape.rank != 3 or not image.shape.is_fully_defined():
        raise ValueError(
            "`dataset` must have single images of one fixed size (height, width, "
            "channels): neither batched before, nor of varying size (resize them with "
            f"dataset.map). Received: images of shape {image.shape}"
        )
    count = int(dataset.cardinality())
    if count < 0:
        raise ValueError(
            "`dataset` must have a known, finite number of elements: apply "
            "tf.data.experimental.assert_cardinality(n), or leave repeat() out. "
            f"Received: {'infinite' if count == -1 else 'unknown'} cardinality"
        )
    if count == 0:
        raise ValueError(
            "`dataset` must hold at least one image. Received: an empty dataset"
        )
    if batch_size > count:
        raise ValueError(
            f"`batch_size` must be at most the number of images, {count}. "
            f"Received: batch_size={batch_size}"
        )
    numbers = [
        key
        for key in ("image", "label", "id")
        if key in spec and (spec[key].dtype.is_floating or spec[key].dtype.is_integer)
    ]
    return dataset.map(lambda x: {key: x[key] for key in numbers}), image, count
