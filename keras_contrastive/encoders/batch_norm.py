"""Batch normalisation over the global batch, fused where one device holds it all."""

import contextlib
import contextvars
from collections.abc import Iterator

import keras
import tensorflow as tf

from keras_contrastive.encoders.fused_norm import fused_norm, synchronised_norm

# Of the thread, because every replica runs in one of its own.
_LOCAL = contextvars.ContextVar("local_statistics", default=False)
_GROUPS = contextvars.ContextVar("split_statistics", default=1)


@keras.saving.register_keras_serializable(package="keras_contrastive")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalisation, channels last, with global-batch statistics.

    The statistics are those of the whole global batch, so a step on R replicas equals
    the step on one. On one replica TensorFlow's fused kernel does the work, which on a
    CPU makes the step of a small convolutional net about a fifth faster than Keras's
    chain of operations; on several, what `synchronised_norm` says. Moving statistics
    stay as they are where a batch's are not finite.

    Within `split_statistics` the global batch falls into groups that are normalised
    each by itself.

    Args:
        momentum: Share of the old moving statistics that an update keeps.
        epsilon: Added to the variance.
        **kwargs: As for `keras.layers.BatchNormalization`; `axis` must be the last,
            and `renorm` and `mask` are not supported.

    Raises:
        ValueError: If `axis` is not the last one or `renorm` is asked for.
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs):
        # Keras's own synchronisation is not used, but the flag tells what this does.
        kwargs.setdefault("synchronized", True)
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)
        if self.axis != -1 or self.renorm:
            raise ValueError(
                "BatchNormalization takes `axis=-1` and no `renorm`. "
                f"Received: axis={self.axis}, renorm={self.renorm}"
            )

    def call(self, inputs, training=None, mask=None):
        """Normalises `(batch, ..., channels)` over all axes but the last."""
        if not (training and self.trainable):
            return super().call(inputs, training=False)
        context = None if _LOCAL.get() else tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync if context else 1
        if _GROUPS.get() > 1:
            outputs, mean, variance = self._in_groups(inputs, context)
        elif replicas > 1:
            outputs, mean, variance = self._over_replicas(inputs, context)
        else:
            outputs, mean, variance = self._fused(inputs)
        for moving, batch in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moved = moving * self.momentum + batch * (1.0 - self.momentum)
            # One overflow, which the loss scale of float16 provokes to find its
            # place, would stay in them for good.
            moving.assign(tf.where(tf.math.is_finite(moved), moved, moving.value))
        return tf.cast(outputs, self.compute_dtype)

    def _scale_and_offset(self, channels: int) -> tuple[tf.Tensor, tf.Tensor]:
        scale = self.gamma.value if self.scale else tf.ones([channels])
        offset = self.beta.value if self.center else tf.zeros([channels])
        return scale, offset

    def _fused(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        scale, offset = self._scale_and_offset(inputs.shape[-1])
        outputs, mean, variance = fused_norm(
            _as_images(inputs), scale, offset, self.epsilon
        )
        return _shaped_as(inputs, outputs), mean, variance

    def _in_groups(self, inputs: tf.Tensor, context: tf.distribute.ReplicaContext):
        """Normalises this replica's share of the groups, one after the other."""
        replicas = context.num_replicas_in_sync if context else 1
        groups = _GROUPS.get()
        if groups % replicas:
            raise ValueError(
                f"`groups` must be a multiple of the {replicas} replicas, which share "
                f"them equally. Received: {groups}"
            )
        parts = tf.split(inputs, groups // replicas)
        outputs, means, variances = zip(*map(self._fused, parts), strict=True)
        mean, variance = (tf.reduce_mean(tf.stack(x), 0) for x in (means, variances))
        if replicas > 1:
            average = tf.distribute.ReduceOp.MEAN
            mean, variance = (context.all_reduce(average, x) for x in (mean, variance))
        return tf.concat(outputs, 0), mean, variance

    def _over_replicas(self, inputs: tf.Tensor, context: tf.distribute.ReplicaContext):
        scale, offset = self._scale_and_offset(inputs.shape[-1])
        outputs, mean, variance = synchronised_norm(
            tf.cast(_as_images(inputs), tf.float32),
            scale,
            offset,
            self.epsilon,
            context,
        )
        return _shaped_as(inputs, outputs), mean, variance


def _as_images(x: tf.Tensor) -> tf.Tensor:
    # The kernel knows images alone; vectors are images of one pixel.
    return x if x.shape.rank == 4 else tf.reshape(x, [-1, 1, 1, x.shape[-1]])


def _shaped_as(x: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    return images if x.shape.rank == 4 else tf.reshape(images, tf.shape(x))


@contextlib.contextmanager
def split_statistics(groups: int) -> Iterator[None]:
    """Splits what batch norm sees of a step: each group is normalised by itself.

    Within it the global batch falls into `groups` equal runs of rows, whatever the
    number of replicas, as if each group were a device of its own with its own
    statistics. This is what shuffling batch norm needs where one device holds the
    whole batch. The moving statistics take the mean over the groups. It reaches the
    `BatchNormalization` of this package alone; see `check_splittable`.

        with split_statistics(groups=8):
            features = encoder(images, training=True)

    Source: He et al. 2019 (https://arxiv.org/abs/1911.05722), section 3.3, where the
    groups are GPUs.

    Args:
        groups: Number of groups, at least 1, a multiple of the number of replicas.

    Raises:
        ValueError: If `groups` is below 1.
    """
    if groups < 1:
        raise ValueError(f"`groups` must be at least 1. Received: {groups}")
    token = _GROUPS.set(groups)
    try:
        yield
    finally:
        _GROUPS.reset(token)


@contextlib.contextmanager
def local_statistics() -> Iterator[None]:
    """Lets batch norm see no further than the rows that it is called with.

    Within it, a `BatchNormalization` of this package normalises by the statistics of
    its inputs, whatever other replicas hold. Gradient caching needs it, because a
    chunk is never in memory together with another.
    """
    token = _LOCAL.set(True)
    try:
        yield
    finally:
        _LOCAL.reset(token)
