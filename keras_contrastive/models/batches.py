"""What a model takes in `fit`, brought to one form: a dictionary of features."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def select(element: Any, wanted: Sequence[str]) -> dict[str, Any]:
    """Returns the wanted features of a batch, whatever form it came in.

    Args:
        element: `images`, `(images, labels)`, `{"image", "label", "id", ...}`,
            `{"views": (a, b), ...}`, or what Keras makes of one of these,
            `(x, y, weights)`.
        wanted: Names of the features that the model uses.

    Returns:
        A dictionary of those of the wanted features that are there.

    Raises:
        ValueError: If there are neither images nor views in the batch.
    """
    label = None
    if isinstance(element, tuple | list) and element and not _are_views(element):
        element, label = element[0], element[1] if len(element) > 1 else None
    if not isinstance(element, dict):
        element = {"views" if _are_views(element) else "image": element}
    if label is not None:
        element = {"label": label, **element}
    if "image" not in element and "views" not in element:
        raise ValueError(
            "`x` must hold images: a batch of them, (images, labels), or a dictionary "
            f"with 'image' or 'views'. Received: a dictionary with {sorted(element)}"
        )
    return {name: element[name] for name in wanted if name in element}


def _are_views(element: Any) -> bool:
    """Whether a tuple is (view, view) rather than (images, labels)."""
    return (
        isinstance(element, tuple | list)
        and len(element) == 2
        and all(getattr(part, "shape", None) is not None for part in element)
        and len(element[0].shape) == len(element[1].shape) == 4
    )


_ALONE = (
    "`x` must have batches of at least 2 images: a pair alone has no negatives "
    "(`drop_remainder=True` drops a short last batch). Received:"
)


def check_batch_size(images: tf.Tensor, replicas: int) -> tf.Tensor:
    """Returns the images; stops at a global batch of a single one.

    What is computed from the images then waits for the check, so nothing is changed.

    Args:
        images: This replica's share of the batch, `(batch, ...)`.
        replicas: Number of replicas that share the batch equally.

    Raises:
        ValueError: If a static size is too small.
        tf.errors.InvalidArgumentError: When run on a single image. Under XLA, whose
            sizes are static, never.
    """
    size = images.shape[0]
    if size is not None and size * replicas < 2:
        raise ValueError(f"{_ALONE} {size * replicas}")
    size = tf.shape(images)[0] * replicas
    check = tf.debugging.Assert(size > 1, [_ALONE, size])
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(images)


def check_dataset(dataset: tf.data.Dataset, replicas: int) -> None:
    """Stops early at a dataset that no step could run on.

    Args:
        dataset: Batches of features, as `select` returns them.
        replicas: Number of replicas that share each batch.

    Raises:
        ValueError: If the dataset is empty, not batched, or its last batch may be
            short while several replicas share it.
    """
    if int(dataset.cardinality()) == 0:
        raise ValueError("`x` must hold at least one batch. Received: an empty dataset")
    images = [
        spec
        for name in ("image", "views")
        for spec in tf.nest.flatten(dataset.element_spec.get(name, []))
    ]
    for spec in images:
        if spec.shape.rank is None:
            continue
        if spec.shape.rank != 4:
            raise ValueError(
                "`x` must be a batched dataset with images of shape (batch, height, "
                "width, channels): call `.batch(batch_size, drop_remainder=True)` on "
                f"single images. Received: image shape {spec.shape}"
            )
        if replicas > 1 and spec.shape[0] is None:
            raise ValueError(
                f"`x` is shared by {replicas} replicas and must have full batches "
                "alone: batch it with `drop_remainder=True`. Received: batches of "
                "unknown size"
            )
        if replicas > 1 and spec.shape[0] % replicas:
            size = spec.shape[0]
            near = [size - size % replicas, size - size % replicas + replicas]
            raise ValueError(
                f"`x` must have a batch size that {replicas} replicas can share "
                f"equally, such as {near[0] or near[1]} or {near[1]}. Received: {size}"
            )


def batch_size(spec: dict[str, Any]) -> int | None:
    """Returns how many images the batches have; None where it is not known.

    Args:
        spec: The features' specs, by name.
    """
    return tf.nest.flatten(spec.get("image", spec.get("views")))[0].shape[0]


def check_room(spec: dict[str, Any], queue_size: int, keys: int = 1) -> None:
    """Stops at batches whose keys would push each other out of a queue.

    Args:
        spec: The features' specs, by name.
        queue_size: Slots of the queue.
        keys: How many keys an image leaves there.

    Raises:
        ValueError: If a step has more keys than slots.
    """
    size = batch_size(spec)
    if size is not None and size * keys > queue_size:
        raise ValueError(
            "`x` must have batches whose keys fit into the queue, `queue_size` "
            f"{queue_size}. Received: {size * keys} keys a step"
        )


def check_ids(batch: dict[str, Any]) -> None:
    """Stops at a batch whose images have no numbers.

    Args:
        batch: Features, or their specs, by name.

    Raises:
        ValueError: If there is no `"id"` or it is not one integer an image.
    """
    expected = (
        "`x` must hold the number of each image as 'id', an integer from 0, as "
        "`kc.data.load` makes it."
    )
    if "id" not in batch:
        raise ValueError(f"{expected} Received: a batch with {sorted(batch)}")
    ids = batch["id"]
    if not tf.as_dtype(ids.dtype).is_integer or len(ids.shape) != 1:
        raise ValueError(
            f"{expected} Received: 'id' of {tf.as_dtype(ids.dtype).name} and shape "
            f"{ids.shape}"
        )
