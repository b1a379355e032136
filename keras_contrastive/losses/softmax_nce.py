"""The sum of logarithms of 1 - h over thousands of negatives, and its gradient."""

import tensorflow as tf

from keras_contrastive.losses.cosine import MASKED


def softmax_nce(logits: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
    """Noise-contrastive estimation with one softmax over a row's columns.

    With h the softmax of a row, p the column of its positive,

        L = -log h_p - sum_{n != p} log( 1 - h_n )

    Of the negatives one at most has more than half of the probability, f, the first
    among them, and only its 1 - h could be lost to rounding. So it stands apart: with
    d its logit above the log-sum-exp of all others,

        L = -log h_p + softplus(d) - sum_{n not in {p, f}} log( 1 - h_n )

    The gradient has a closed form, of the odds w = h / (1 - h),

        dL/dl_k = h_k (1 - sum_{n not in {p, f}} w_n) + w_k - [k = p],  w_p = 0,

    for all k but p and f; it is written out because differentiating the above costs
    three times as many passes over the logits. There is no second derivative.

    Args:
        logits: `(batch, columns)` float32, at least two columns.
        column: Column of each row's positive, `(batch,)` int32.

    Returns:
        L, `(batch,)` float32.
    """

    @tf.custom_gradient
    def summed(logits):
        own = _places(column)
        own_logit = tf.gather_nd(logits, own)
        others = _written(logits, own, MASKED)
        first = _places(tf.argmax(others, axis=1, output_type=tf.int32))
        first_logit = tf.gather_nd(others, first)
        others = _written(others, first, MASKED)
        # Relative to the largest logit but the first negative's.
        origin = tf.maximum(tf.reduce_max(others, axis=1), own_logit)
        weights = tf.exp(others - origin[:, None])
        own_weight = tf.exp(own_logit - origin)
        rest = tf.reduce_sum(weights, axis=1) + own_weight
        d = first_logit - origin - tf.math.log(rest)
        log_total = origin + tf.math.log(rest) + tf.nn.softplus(d)
        share = tf.exp(origin - log_total)
        minus_h = weights * -share[:, None]
        loss = (
            log_total
            - own_logit
            + tf.nn.softplus(d)
            - tf.reduce_sum(tf.math.log1p(minus_h), axis=1)
        )

        def gradient(upstream):
            odds = minus_h / (-1.0 - minus_h)
            left = 1.0 - tf.reduce_sum(odds, axis=1)
            h_first = tf.sigmoid(d)
            # h and what softplus(d) takes from the others are both multiples of it.
            by_weight = share * left - h_first / rest
            slopes = odds + weights * by_weight[:, None]
            slopes = _written(slopes, first, h_first * (1.0 + left))
            slopes = _written(slopes, own, own_weight * by_weight - 1.0)
            return slopes * upstream[:, None]

        return loss, gradient

    return summed(logits)


def _places(columns: tf.Tensor) -> tf.Tensor:
    """Returns (row, column) of one column a row, `(batch, 2)`."""
    return tf.stack([tf.range(tf.shape(columns)[0]), columns], axis=1)


def _written(x: tf.Tensor, places: tf.Tensor, values: tf.Tensor | float) -> tf.Tensor:
    values = tf.broadcast_to(values, tf.shape(places)[:1])
    return tf.tensor_scatter_nd_update(x, places, values)
