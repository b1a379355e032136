"""The two views of a batch: taken as they come, or made on the device."""

import inspect
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.distribute import is_tpu, replica_count, replica_index


def takes_seed(augment: keras.layers.Layer) -> bool:
    """Whether an augmentation layer is called with a seed, as this package's are."""
    names = inspect.signature(augment.call).parameters
    return {"seed", "offset", "total", "compilable"} <= set(names)


def make_views(
    batch: Mapping[str, Any],
    augment: keras.layers.Layer | None,
    seed: tf.Tensor,
    count: int = 2,
    compilable: bool = False,
) -> tuple[tf.Tensor, ...]:
    """Returns the views of a batch.

    Random numbers are drawn for the global batch from the seed, and each replica takes
    its rows, so the views do not depend on the number of replicas.

    Args:
        batch: Features with `"image"`, or with ready `"views"` of shape
            `(batch, height, width, channels)`.
        augment: The layer that makes a view; None expects ready views.
        seed: Two integers, `(2,)`, another for each step.
        count: How many views to make.
        compilable: Whether the step is compiled by XLA.

    Returns:
        `count` tensors `(batch, height, width, channels)`, float32.

    Raises:
        ValueError: If the batch has ready views and an augmentation is set, or has
            none and no augmentation is, or the number of views is another.
    """
    check_forms(batch, augment, count)
    if augment is None:
        return tuple(_checked_view(view) for view in batch["views"])
    images = batch["image"]
    if not takes_seed(augment):
        return tuple(augment(images, training=True) for _ in range(count))
    size = images.shape[0] or tf.shape(images)[0]
    strategy = tf.distribute.get_strategy()
    return tuple(
        augment(
            images,
            seed=_seeded.fold_in(seed, view),
            offset=replica_index() * size,
            total=replica_count() * size,
            compilable=compilable or is_tpu(strategy),
        )
        for view in range(count)
    )


def check_forms(
    batch: Mapping[str, Any], augment: keras.layers.Layer | None, count: int = 2
) -> None:
    """Stops at a batch that has no images to augment, or no ready views.

    Args:
        batch: Features, or their specs, by name.
        augment: The layer that makes a view; None expects ready views.
        count: How many views the model takes.

    Raises:
        ValueError: As `make_views` raises it.
    """
    if augment is None and "views" not in batch:
        raise ValueError(
            f"`x` must hold {count} views of each image, as `kc.data.views` makes "
            "them, when the model has no `augment`. Received: a batch with "
            f"{sorted(batch)}"
        )
    if augment is None and len(batch["views"]) != count:
        raise ValueError(
            f"`x` must hold {count} views of each image. "
            f"Received: {len(batch['views'])}"
        )
    if augment is not None and "image" not in batch:
        raise ValueError(
            "`x` must hold images when the model has `augment`; for ready views make "
            f"the model with `augment=None`. Received: a batch with {sorted(batch)}"
        )


def _checked_view(view: tf.Tensor) -> tf.Tensor:
    if view.dtype == tf.uint8:
        return tf.cast(view, tf.float32) * (1 / 255)
    total = tf.reduce_sum(tf.cast(view, tf.float32))
    check = tf.debugging.Assert(
        tf.math.is_finite(total), ["`x` must hold finite pixels. Received: NaN or inf"]
    )
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(view)


def check_view(
    encoder: keras.layers.Layer, shape: tf.TensorShape, sized: bool = True
) -> None:
    """Stops early at a view that the encoder was not built for.

    Args:
        encoder: A built trunk.
        shape: `(batch, height, width, channels)`.
        sized: Whether the height and the width must fit, too: those of an image that
            is still to be augmented need not.

    Raises:
        ValueError: If the view has another size or number of channels.
    """
    expected = getattr(encoder, "input_shape", None)
    if not isinstance(expected, tuple):
        return
    fits = shape.is_compatible_with(expected)
    if not sized and shape.rank == 4:
        fits = shape[3:].is_compatible_with(expected[3:])
    if not fits:
        raise ValueError(
            f"`x` must give views of shape (batch, {', '.join(map(str, expected[1:]))})"
            ", which the encoder was built for; grey images need an encoder of one "
            f"channel, and `augment` sets the size. Received: shape {shape}"
        )
