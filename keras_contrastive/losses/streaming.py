"""Log-sum-exp over more candidates than fit into memory at once."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_contrastive.losses.cosine import MASKED


def log_sum_exp(
    anchors: tf.Tensor,
    candidates: tf.Tensor,
    reference: tf.Tensor,
    anchor_ids: tf.Tensor,
    candidate_ids: tf.Tensor,
    block_size: int | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Compares each anchor with all candidates of another id.

    With the logits `l_ik = a_i . c_k` and a reference `r_i`, another logit of the
    anchor, the value is

        log sum_{k: id_k != id_i} exp(l_ik - r_i)

    A loss needs this difference of energies, and it is exact to rounding where the
    sum itself, at a small temperature a large number, would not be.

    In blocks, the sum and the largest logit so far run along the candidates, and the
    gradient computes the blocks again instead of keeping them: of the logits there is
    never more than `anchors x block_size`. Second derivatives do not exist then.

    Args:
        anchors: `(anchors, dim)` float32, over the temperature.
        candidates: `(candidates, dim)` float32.
        reference: `(anchors,)` float32.
        anchor_ids: `(anchors,)` integers.
        candidate_ids: `(candidates,)` integers; a pair of equal ids is left out.
        block_size: Candidates a block; None takes them all at once.

    Returns:
        The value, `(anchors,)` float32; and the largest logit that counts,
        `(anchors,)`, without gradient.

    Raises:
        ValueError: If `block_size` is not a positive integer.
    """
    if check_block_size(block_size) is None:
        logits = tf.matmul(anchors, candidates, transpose_b=True)
        hidden = anchor_ids[:, None] == candidate_ids[None]
        logits = tf.where(hidden, MASKED, logits)
        highest = tf.stop_gradient(tf.reduce_max(logits, axis=1))
        total = tf.reduce_sum(tf.exp(logits - highest[:, None]), axis=1)
        return tf.math.log(total) + (highest - reference), highest

    @tf.custom_gradient
    def streamed(anchors, candidates, reference):
        def compared(start, size):
            block = tf.slice(candidates, [start, 0], [size, size_of(candidates, 1)])
            ids = tf.slice(candidate_ids, [start], [size])
            logits = tf.matmul(anchors, block, transpose_b=True)
            return block, logits, anchor_ids[:, None] == ids[None]

        def absorb(start, size, highest, total):
            _, logits, hidden = compared(start, size)
            logits = tf.where(hidden, MASKED, logits)
            highest, total, *_ = added(logits, highest, total)
            return highest, total

        empty = tf.fill(tf.shape(reference), MASKED), tf.zeros_like(reference)
        highest, total = over_blocks(absorb, empty, candidates, block_size)

        def gradient(upstream, _):
            share = (upstream / total)[:, None]
            weighted = anchors * share

            def pull(start, size, to_anchors, to_candidates):
                block, logits, hidden = compared(start, size)
                p = tf.where(hidden, 0.0, tf.exp(logits - highest[:, None]))
                rows = start + tf.range(size)[:, None]
                to_candidates = tf.tensor_scatter_nd_update(
                    to_candidates, rows, tf.matmul(p, weighted, transpose_a=True)
                )
                return to_anchors + tf.matmul(p, block), to_candidates

            zeros = tf.zeros_like(anchors), tf.zeros_like(candidates)
            to_anchors, to_candidates = over_blocks(pull, zeros, candidates, block_size)
            return to_anchors * share, to_candidates, -upstream

        return (tf.math.log(total) + (highest - reference), highest), gradient

    value, highest = streamed(anchors, candidates, reference)
    return value, tf.stop_gradient(highest)


def check_block_size(block_size: int | None) -> int | None:
    """Returns the block size.

    Raises:
        ValueError: If it is neither None nor a positive integer.
    """
    if block_size is not None and (not isinstance(block_size, int) or block_size < 1):
        raise ValueError(
            f"`block_size` must be a positive integer or None. Received: {block_size!r}"
        )
    return block_size


def added(
    logits: tf.Tensor, highest: tf.Tensor, total: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Adds a block of logits to a sum of exponentials.

    Args:
        logits: `(anchors, block)`.
        highest: The largest logit so far, `(anchors,)`.
        total: The sum so far, relative to it, `(anchors,)`.

    Returns:
        The two with the block; its weights relative to the new largest logit,
        `(anchors, block)`; and the factor of what was summed before, `(anchors,)`.
    """
    rescaled = tf.maximum(highest, tf.reduce_max(logits, axis=1))
    weights = tf.exp(logits - rescaled[:, None])
    faded = tf.exp(highest - rescaled)
    return rescaled, total * faded + tf.reduce_sum(weights, axis=1), weights, faded


def over_blocks(
    step: Callable[..., tuple[Any, ...]],
    state: tuple[Any, ...],
    candidates: tf.Tensor,
    block_size: int,
) -> tuple[Any, ...]:
    """Runs `state = step(start, size, *state)` from block to block, one at a time."""
    count = size_of(candidates, 0)
    # XLA compiles the loop even where it does not run, and a block must fit for that.
    known = isinstance(count, int)
    block_size = min(block_size, count) if known else tf.minimum(block_size, count)
    full, rest = count // block_size, count % block_size
    if known and full == 1:
        state = step(0, block_size, *state)
    elif not known or full > 0:
        _, *state = tf.while_loop(
            lambda index, *_: index < full,
            lambda index, *now: (
                index + 1,
                *step(index * block_size, block_size, *now),
            ),
            (tf.constant(0), *state),
            parallel_iterations=1,
        )
    if not known or rest > 0:
        state = step(full * block_size, rest, *state)
    return tuple(state)


def size_of(x: tf.Tensor, axis: int) -> tf.Tensor | int:
    """Returns the length of an axis, as an integer where it is known."""
    return tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]
