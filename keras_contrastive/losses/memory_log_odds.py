"""Queries against a memory's vectors: read once, and never all compared at a time."""

import tensorflow as tf

from keras_contrastive.losses.cosine import MASKED, ROUNDING, unit
from keras_contrastive.losses.streaming import added, over_blocks, size_of

# Vectors that are compared at once: with fewer the time goes by between blocks, and
# more were no faster.
BLOCK = 4096


def memory_log_odds(
    query: tf.Tensor,
    key: tf.Tensor,
    negatives: tf.Tensor,
    temperature: float,
    valid: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Weighs the vectors of a memory against each query's own key.

    With s the cosine similarity, of a query q with its key k and negatives n:

        o = log( sum_n exp(s_qn / tau) / exp(s_qk / tau) )

    The cross entropy of picking the key is `log(1 + exp(o))`. The gradient of its sum
    through the similarities is the mean of the negatives by their weights
    exp(s_qn / tau). The pass that sums the weights adds that up as well, in blocks and
    relative to the largest so far. So there never are `(batch, K)` logits, which one
    pass after another would have to read; and where no gradient reaches the negatives,
    as in a queue, two products are all that a step takes. There is no second
    derivative.

    Args:
        query: `(batch, dim)`, any float type.
        key: `(batch, dim)`; row i is the positive of row i of `query`.
        negatives: `(K, dim)` float32 of length 1 or 0, common to all queries.
        temperature: Above 0.
        valid: `(K,)` bool; negatives that are not valid are left out. None: all are.

    Returns:
        The log odds, `(batch,)` float32; and whether the key is closer than every
        negative, by more than rounding, `(batch,)` bool.
    """
    query = unit(query) / temperature
    positive = tf.reduce_sum(query * unit(key), axis=1)
    value, highest = _log_sum_exp(query, negatives, positive, valid)
    return value, positive > highest + ROUNDING / temperature


def _log_sum_exp(
    anchors: tf.Tensor,
    negatives: tf.Tensor,
    reference: tf.Tensor,
    valid: tf.Tensor | None,
) -> tuple[tf.Tensor, tf.Tensor]:
    @tf.custom_gradient
    def summed(anchors, negatives, reference):
        dim = size_of(negatives, 1)

        def compared(start, size):
            block = tf.slice(negatives, [start, 0], [size, dim])
            logits = tf.matmul(anchors, block, transpose_b=True)
            if valid is not None:
                logits = tf.where(tf.slice(valid, [start], [size]), logits, MASKED)
            return block, logits

        def absorb(start, size, highest, total, mean):
            block, logits = compared(start, size)
            highest, total, weights, faded = added(logits, highest, total)
            mean = mean * faded[:, None] + tf.matmul(weights, block)
            return highest, total, mean

        empty = (
            tf.fill(tf.shape(reference), MASKED),
            tf.zeros_like(reference),
            tf.zeros_like(anchors),
        )
        highest, total, mean = over_blocks(absorb, empty, negatives, BLOCK)

        def gradient(upstream, _):
            share = (upstream / total)[:, None]
            weighted = anchors * share

            # A graph in which nothing asks for the negatives' gradient drops this.
            def pull(start, size, to_negatives):
                _, logits = compared(start, size)
                weights = tf.exp(logits - highest[:, None])
                if valid is not None:
                    kept = tf.slice(valid, [start], [size])
                    weights = tf.where(kept, weights, 0.0)
                rows = start + tf.range(size)[:, None]
                pulled = tf.matmul(weights, weighted, transpose_a=True)
                return (tf.tensor_scatter_nd_update(to_negatives, rows, pulled),)

            zeros = (tf.zeros_like(negatives),)
            (to_negatives,) = over_blocks(pull, zeros, negatives, BLOCK)
            return mean * share, to_negatives, -upstream

        return (tf.math.log(total) + (highest - reference), highest), gradient

    value, highest = summed(anchors, negatives, reference)
    return value, tf.stop_gradient(highest)
