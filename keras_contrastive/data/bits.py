"""Images as bits: each pixel on with its intensity as probability."""

from typing import Any

import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.data.batches import as_integer, seeded_batches

# Folded into a batch's seed: the views of the same batch take 0 and up.
_BITS = -3


def binarise(images: Any, seed: Any) -> tf.Tensor:
    """Draws each pixel's bit with its intensity as probability, and flattens.

    Log-likelihoods depend on how bits are made of grey pixels: this is the stochastic
    binarisation of Salakhutdinov & Murray 2008 ("On the Quantitative Analysis of Deep
    Belief Networks").

    Args:
        images: `(batch, ...)`, uint8, or floats in [0, 1].
        seed: An integer, or two as `(2,)`; the same seed draws the same bits.

    Returns:
        `(batch, pixels)` float32 in {0, 1}.

    Raises:
        TypeError: If the images are neither uint8 nor floats.
        ValueError: If floats are not in [0, 1], or the images have no axis but the
            batch's.
    """
    images = tf.convert_to_tensor(images)
    if images.dtype != tf.uint8 and not images.dtype.is_floating:
        raise TypeError(
            "`images` must be uint8, or floats in [0, 1]. "
            f"Received: dtype {images.dtype.name}"
        )
    if images.shape.rank is not None and images.shape.rank < 2:
        raise ValueError(
            f"`images` must have shape (batch, ...). Received: {images.shape}"
        )
    intensity = tf.cast(images, tf.float32)
    if images.dtype == tf.uint8:
        intensity /= 255
    elif tf.executing_eagerly():
        low, high = float(tf.reduce_min(intensity)), float(tf.reduce_max(intensity))
        if not 0 <= low <= high <= 1:
            raise ValueError(
                "`images` must be floats in [0, 1]. "
                f"Received: values from {low:g} to {high:g}"
            )
    if tf.convert_to_tensor(seed).shape.rank == 0:
        seed = tf.stack([tf.cast(seed, tf.int64), tf.constant(_BITS, tf.int64)])
    pixels = tf.reduce_prod(tf.shape(images)[1:])
    if images.shape[1:].is_fully_defined():
        pixels = images.shape[1:].num_elements()
    flat = tf.reshape(intensity, [-1, pixels])
    # Below, as a uniform number may be 0 and is never 1: black stays off, white on.
    return tf.cast(_seeded.uniform(tf.shape(flat), seed) < flat, tf.float32)


def bits(
    dataset: tf.data.Dataset, batch_size: int, seed: int = 0, **options: Any
) -> tf.data.Dataset:
    """Shuffles, batches and binarises; the bits are drawn anew in each epoch.

    Order, epochs and memory are those of `kc.data.batches`; the bits of a batch are a
    function of (`seed`, number of the step).

    Args:
        dataset: As for `kc.data.batches`.
        batch_size: Images in a batch, of all replicas together; at least 2.
        seed: Any integer of 64 bits.
        **options: As for `kc.data.batches`: `first_epoch`, `cache_bytes`,
            `drop_remainder`, `repeat`.

    Returns:
        Batches, of known number: `"image"` `(batch, pixels)` float32 in {0, 1},
        `"label"` `(batch,)` and `"id"` `(batch,)`, where the input has them.

    Raises:
        TypeError: As for `kc.data.batches`.
        ValueError: As for `kc.data.batches`.
    """
    seed = as_integer("seed", seed, -(2**63), 2**63)

    def drawn(batch_seed: tf.Tensor, batch: dict[str, tf.Tensor]) -> dict[str, Any]:
        own = _seeded.fold_in(batch_seed, tf.constant(_BITS, tf.int64))
        return {**batch, "image": binarise(batch["image"], own)}

    return (
        seeded_batches(dataset, batch_size, seed, **options)
        .map(drawn, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )
