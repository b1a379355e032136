"""Batch normalisation over the global batch, fused where one device holds it all."""

import contextlib
import contextvars
from collections.abc import Iterator

import keras
import tensorflow as tf

# Of the thread, because every replica runs in one of its own.
_LOCAL = contextvars.ContextVar("local_statistics", default=False)


@keras.saving.register_keras_serializable(package="keras_contrastive")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalisation, channels last, with global-batch statistics.

    The statistics are those of the whole global batch, so a step on R replicas equals
    the step on one. On one replica TensorFlow's fused kernel does the work, which on a
    CPU makes the step of a small convolutional net about a fifth faster than Keras's
    chain of operations; on several, the replicas' means m_r and variances v_r merge as

        m = mean_r(m_r),  v = mean_r(v_r + (m_r - m)^2)

    (Chan et al. 1979), which no cancellation spoils, unlike E[x^2] - E[x]^2.

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
        if replicas > 1:
            outputs, mean, variance = self._over_replicas(inputs, context)
        else:
            outputs, mean, variance = self._fused(inputs)
        for moving, batch in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        return tf.cast(outputs, self.compute_dtype)

    def _scale_and_offset(self, channels: int) -> tuple[tf.Tensor, tf.Tensor]:
        scale = self.gamma.value if self.scale else tf.ones([channels])
        offset = self.beta.value if self.center else tf.zeros([channels])
        return scale, offset

    def _fused(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        channels = inputs.shape[-1]
        scale, offset = self._scale_and_offset(channels)
        # The kernel knows images alone; vectors are images of one pixel.
        flat = inputs.shape.rank != 4
        pixels = tf.reshape(inputs, [-1, 1, 1, channels]) if flat else inputs
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=pixels,
            scale=scale,
            offset=offset,
            mean=tf.constant([], tf.float32),
            variance=tf.constant([], tf.float32),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel returns the unbiased variance; Keras's moving one is biased.
        count = tf.cast(tf.size(pixels) // channels, tf.float32)
        variance *= (count - 1) / count
        if flat:
            outputs = tf.reshape(outputs, tf.shape(inputs))
        return outputs, mean, variance

    def _over_replicas(self, inputs: tf.Tensor, context: tf.distribute.ReplicaContext):
        inputs = tf.cast(inputs, tf.float32)
        axes = list(range(inputs.shape.rank - 1))
        own_mean, own_variance = tf.nn.moments(inputs, axes)
        average = tf.distribute.ReduceOp.MEAN
        mean = context.all_reduce(average, own_mean)
        variance = own_variance + tf.square(own_mean - mean)
        variance = context.all_reduce(average, variance)
        scale, offset = self._scale_and_offset(inputs.shape[-1])
        outputs = tf.nn.batch_normalization(
            inputs, mean, variance, offset, scale, self.epsilon
        )
        return outputs, mean, variance


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
