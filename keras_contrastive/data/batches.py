"""Shuffled batches whose order depends on a seed and the epoch, and on nothing else."""

import math

import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive._untuned import untuned
from keras_contrastive.data.checks import as_integer, check_images

# In the place of a step in a seed; steps are counted from 0.
_ORDER = -2


def batches(
    dataset: tf.data.Dataset,
    batch_size: int,
    seed: int = 0,
    first_epoch: int = 0,
    cache_bytes: int = 2**31,
    drop_remainder: bool = True,
    repeat: bool = False,
    first_batch: int = 0,
) -> tf.data.Dataset:
    """Shuffles and batches, without augmentation.

    For models that augment on the device. The n-th pass over the returned dataset,
    counted from 0, is epoch `first_epoch + n`, and what it holds is a function of
    (`seed`, epoch): a run that is resumed with `first_epoch` sees what the
    uninterrupted one would have seen. Every iterator from which a batch is drawn is a
    pass, also when it is dropped before its end.

    A set that fits into `cache_bytes` is decoded once, in the first pass, kept as one
    tensor and shuffled as a whole. (While it is being gathered it takes twice that
    memory.) A larger one is decoded in every pass and shuffled in a buffer of that
    size.

    Args:
        dataset: Elements with `"image"` `(height, width, channels)` of a fixed size,
            and maybe numbers `"label"` and `"id"`; all else is dropped. Its number of
            elements must be known.
        batch_size: Images in a batch, of all replicas together; at least 2.
        seed: Any integer of 64 bits.
        first_epoch: Epoch of the first pass.
        cache_bytes: Memory for decoded images, in bytes.
        drop_remainder: Whether a short last batch is left out.
        repeat: Whether one pass goes on through all the epochs to come, without end.
            Starting a pass costs tf.data a tenth of a second or more, which a set of
            few batches feels; `fit` then needs `steps_per_epoch`.
        first_batch: Batches of the first epoch that are left out, because a run that
            was cut off has taken them. Needs `repeat`.

    Returns:
        Batches, of known number: `"image"` `(batch, height, width, channels)` in the
        input's dtype, `"label"` `(batch,)` and `"id"` `(batch,)`, where the input has
        them.

    Raises:
        TypeError: If `dataset` is not a `tf.data.Dataset` or a number is no integer.
        ValueError: If `dataset` is empty, of unknown size, batched already or without
            an image, or if `batch_size` is below 2 or above the size of the set.
    """
    seeded = seeded_batches(
        dataset,
        batch_size,
        seed,
        first_epoch,
        cache_bytes,
        drop_remainder,
        repeat,
        first_batch,
    )
    return seeded.map(lambda batch_seed, batch: batch).prefetch(tf.data.AUTOTUNE)


def seeded_batches(
    dataset: tf.data.Dataset,
    batch_size: int,
    seed: int = 0,
    first_epoch: int = 0,
    cache_bytes: int = 2**31,
    drop_remainder: bool = True,
    repeat: bool = False,
    first_batch: int = 0,
) -> tf.data.Dataset:
    """Returns the elements of `batches`, each with a seed of its own before it.

    Args:
        dataset: As in `batches`.
        batch_size: As in `batches`.
        seed: As in `batches`.
        first_epoch: As in `batches`.
        cache_bytes: As in `batches`.
        drop_remainder: As in `batches`.
        repeat: As in `batches`.
        first_batch: As in `batches`.

    Returns:
        Pairs (batch seed, batch): `(2,)` int64, which are `seed` and the number of
        the step counted from the first of epoch 0, as a model counts its steps; and
        the dictionary of `batches`.
    """
    batch_size = as_integer("batch_size", batch_size, 2)
    seed = as_integer("seed", seed, -(2**63), 2**63)
    first_epoch = as_integer("first_epoch", first_epoch, 0)
    cache_bytes = as_integer("cache_bytes", cache_bytes, 0)
    first_batch = as_integer("first_batch", first_batch, 0)
    if first_batch and not repeat:
        raise ValueError(
            "`first_batch` must be 0 unless `repeat` is true, where each pass is an "
            f"epoch of its own. Received: {first_batch}"
        )
    dataset, image, count = check_images(dataset, batch_size)
    steps = count // batch_size if drop_remainder else -(-count // batch_size)
    image_bytes = math.prod(image.shape) * image.dtype.size

    # An iterator is the counter of passes: unlike a variable it has no copy on each
    # replica when this is called in a strategy's scope, and nobody else can write it.
    epoch = tf.data.Dataset.range(first_epoch, tf.int64.max)
    if not repeat:
        epochs = iter(untuned(epoch))
        epoch = tf.data.Dataset.from_tensors(0).map(lambda _: next(epochs))

    in_memory = count * image_bytes <= cache_bytes
    if in_memory:
        # One element that holds everything: it is complete after the first step,
        # where a cache of single images would need a pass that runs to its end.
        whole = dataset.batch(count).cache()
        passes = tf.data.Dataset.zip(epoch, whole.repeat()).flat_map(
            lambda epoch, data: _gathered(data, epoch, seed, count, batch_size, steps)
        )
    else:
        # Ten batches at least, else a small budget would hardly shuffle.
        buffer = min(count, max(10 * batch_size, cache_bytes // max(image_bytes, 1)))
        passes = epoch.flat_map(
            lambda epoch: _buffered(
                dataset, epoch, seed, buffer, batch_size, steps, drop_remainder
            )
        )
    # Before anything is augmented, so that it costs next to nothing.
    passes = passes.skip(first_batch)
    options = tf.data.Options()
    options.deterministic = True
    # Workers share out the batches: files are too few, and shuffled across workers.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    cardinality = tf.data.experimental.assert_cardinality(
        tf.data.INFINITE_CARDINALITY if repeat else steps
    )
    return untuned(passes.apply(cardinality).with_options(options))


def _gathered(
    data: dict[str, tf.Tensor],
    epoch: tf.Tensor,
    seed: int,
    count: int,
    batch_size: int,
    steps: int,
) -> tf.data.Dataset:
    """Returns one pass over a set that is held as tensors `(count, ...)`."""
    order = tf.random.experimental.stateless_shuffle(
        tf.range(count), _order_seed(seed, epoch), alg="philox"
    )

    def gathered(step: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        rows = order[step * batch_size : (step + 1) * batch_size]
        if steps * batch_size <= count:
            rows = tf.ensure_shape(rows, [batch_size])
        batch = {key: tf.gather(value, rows) for key, value in data.items()}
        return tf.stack([tf.constant(seed, tf.int64), epoch * steps + step]), batch

    return tf.data.Dataset.range(steps).map(gathered)


def _buffered(
    dataset: tf.data.Dataset,
    epoch: tf.Tensor,
    seed: int,
    buffer: int,
    batch_size: int,
    steps: int,
    drop_remainder: bool,
) -> tf.data.Dataset:
    """Returns one pass over a set that is read anew."""
    # `shuffle` mixes the graph's seed into its own. This fixes the seed of the graph
    # that is being traced, and so keeps tf.random.set_seed from changing the order.
    # (Not to 0, with which `shuffle` takes no tensor as its seed.)
    tf.compat.v1.set_random_seed(1)
    # The last number folded in stands in the second half; one more mixes it in.
    mixed = _seeded.fold_in(_order_seed(seed, epoch), tf.constant(0, tf.int64))
    order_seed = mixed[0]
    shuffled = dataset.shuffle(buffer, seed=order_seed, reshuffle_each_iteration=False)
    batched = shuffled.batch(batch_size, drop_remainder=drop_remainder)
    return batched.enumerate().map(
        lambda step, batch: (
            tf.stack([tf.constant(seed, tf.int64), epoch * steps + step]),
            batch,
        )
    )


def _order_seed(seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """Returns the seed `(2,)` of an epoch's order."""
    return _seeded.fold_in(tf.constant([seed, _ORDER], tf.int64), epoch)
