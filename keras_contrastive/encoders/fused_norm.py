"""Normalisation by TensorFlow's fused kernels: of one device, and of all replicas."""

import tensorflow as tf

from keras_contrastive.distribute import all_gather_together

_SUM, _MEAN = tf.distribute.ReduceOp.SUM, tf.distribute.ReduceOp.MEAN
# Up to so many replicas a collective costs what it waits and not what it sends.
_FEW = 8


def fused_norm(
    x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Normalises images by the mean and the variance of their own pixels.

    Args:
        x: `(batch, height, width, channels)`.
        scale: `(channels,)` float32.
        offset: `(channels,)` float32.
        epsilon: Added to the variance.

    Returns:
        The normalised images, and the mean and the variance `(channels,)`.
    """
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=scale,
        offset=offset,
        mean=tf.constant([], tf.float32),
        variance=tf.constant([], tf.float32),
        epsilon=epsilon,
        is_training=True,
    )
    # The kernel returns the unbiased variance; Keras's moving one is biased.
    count = tf.cast(tf.size(x) // tf.size(mean), tf.float32)
    return outputs, mean, variance * (count - 1) / count


def synchronised_norm(
    x: tf.Tensor,
    scale: tf.Tensor,
    offset: tf.Tensor,
    epsilon: float,
    context: tf.distribute.ReplicaContext,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Normalises images by the mean and the variance of all replicas' pixels.

    The replicas' means m_r and variances v_r merge as

        m = mean_r(m_r),  v = mean_r(v_r + (m_r - m)^2)

    (Chan et al. 1979), which no cancellation spoils, unlike E[x^2] - E[x]^2. Both ways
    go through the fused kernel, told the statistics: the gradient through these is

        dx = s (dy - mean(dy) - n mean(dy n)),  n = (x - m) / sqrt(v + e),
        s = scale / sqrt(v + e),

    with means over all replicas, so that a channel's two sums are all that is sent on
    the way back. There is no second derivative.

    Args:
        x: `(batch, height, width, channels)` float32, of one size on all replicas.
        scale: `(channels,)` float32.
        offset: `(channels,)` float32.
        epsilon: Added to the variance.
        context: Of the replica.

    Returns:
        The normalised images, and the mean and the variance `(channels,)`, through
        which no gradient flows.
    """

    @tf.custom_gradient
    def normalised(x, scale, offset):
        # Twice as fast as tf.nn.moments, for all that it normalises in vain.
        _, own_mean, own_variance = fused_norm(x, scale, offset, epsilon)
        mean, variance = _merged(own_mean, own_variance, context)
        given = {"mean": mean, "variance": variance, "epsilon": epsilon}
        y, *_, reserved = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=scale, offset=offset, is_training=False, **given
        )

        def gradient(dy, *_):
            frozen, dscale, doffset, *_ = tf.raw_ops.FusedBatchNormGradV3(
                y_backprop=dy,
                x=x,
                scale=scale,
                reserve_space_1=mean,
                reserve_space_2=variance,
                reserve_space_3=reserved,
                epsilon=epsilon,
                is_training=False,
            )
            pixels = tf.size(x) // tf.size(mean) * context.num_replicas_in_sync
            sums = context.all_reduce(_SUM, tf.stack([dscale, doffset]))
            through, straight = tf.unstack(
                sums
                * scale
                * tf.math.rsqrt(variance + epsilon)
                / tf.cast(pixels, tf.float32)
            )
            # through n + straight, by the same kernel in one pass.
            statistics, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x, scale=through, offset=straight, is_training=False, **given
            )
            return frozen - statistics, dscale, doffset

        return (y, mean, variance), gradient

    return normalised(x, tf.convert_to_tensor(scale), tf.convert_to_tensor(offset))


def _merged(
    own_mean: tf.Tensor, own_variance: tf.Tensor, context: tf.distribute.ReplicaContext
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns mean and variance over all replicas, of each replica's own."""
    if context.num_replicas_in_sync > _FEW:
        mean = context.all_reduce(_MEAN, own_mean)
        spread = own_variance + tf.square(own_mean - mean)
        return mean, context.all_reduce(_MEAN, spread)
    # Everybody's row on every replica: the second mean is then no collective.
    means, variances = all_gather_together(own_mean[None], own_variance[None])
    mean = tf.reduce_mean(means, 0)
    return mean, tf.reduce_mean(variances + tf.square(means - mean), 0)
