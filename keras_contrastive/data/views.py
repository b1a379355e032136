"""Batches of several views of each image, augmented inside tf.data."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.data.batches import seeded_batches
from keras_contrastive.data.checks import as_integer


def views(
    dataset: tf.data.Dataset,
    policy: keras.layers.Layer,
    batch_size: int,
    seed: int = 0,
    count: int = 2,
    first_epoch: int = 0,
    cache_bytes: int = 2**31,
    drop_remainder: bool = True,
    repeat: bool = False,
    first_batch: int = 0,
) -> tf.data.Dataset:
    """Shuffles, batches and augments: `count` views of every image.

    The views of a batch are a function of (`seed`, number of the step, number of the
    view), so they are the same in every process and under any parallelism, as long as
    the policy is a function of the images and its seed; and they are those that a
    model with the same seed makes of `batches` on the device. Order, epochs and memory
    are those of `batches`.

    Args:
        dataset: Elements with `"image"` `(height, width, channels)` of a fixed size,
            and maybe numbers `"label"` and `"id"`; all else is dropped. Its number of
            elements must be known.
        policy: `policy(images, seed=seed)` with `(batch, height, width, channels)`
            images in the input's dtype and two int64 returns the views.
        batch_size: Images in a batch, of all replicas together; at least 2.
        seed: Any integer of 64 bits.
        count: Views of each image.
        first_epoch: Epoch of the first pass.
        cache_bytes: Memory for decoded images, in bytes.
        drop_remainder: Whether a short last batch is left out.
        repeat: Whether one pass goes on through all the epochs to come, without end.
        first_batch: Batches of the first epoch that are left out; needs `repeat`.

    Returns:
        Batches, of known number: `"views"`, a tuple of `count` tensors as the policy
        returns them, and `"label"` `(batch,)` and `"id"` `(batch,)`, where the input
        has them.

    Raises:
        TypeError: If `policy` is not callable, or as for `batches`.
        ValueError: If `count` is below 1, or as for `batches`.
    """
    if not callable(policy):
        raise TypeError(
            "`policy` must be a layer that is called as policy(images, seed=...). "
            f"Received: {policy!r}"
        )
    count = as_integer("count", count, 1)

    def augmented(batch_seed: tf.Tensor, batch: dict[str, tf.Tensor]) -> dict[str, Any]:
        rest = {key: value for key, value in batch.items() if key != "image"}
        made = tuple(
            policy(batch["image"], seed=_seeded.fold_in(batch_seed, number))
            for number in range(count)
        )
        return {"views": made, **rest}

    return (
        seeded_batches(
            dataset,
            batch_size,
            seed,
            first_epoch,
            cache_bytes,
            drop_remainder,
            repeat,
            first_batch,
        )
        .map(augmented, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )
