"""Score matching: the slope of the log density, and no partition function."""

import math

import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies.energy import Energy
from keras_contrastive.losses.energy_checks import check_energy


def score_matching(
    energy: Energy,
    x: tf.Tensor,
    slices: int | None = None,
    seed: tf.Tensor | None = None,
) -> tf.Tensor:
    """Squared distance of the model's score to the data's, up to a constant.

        1/2 |grad E(x)|^2 - laplacian E(x)

    The Laplacian is the trace of the Hessian H. It is exact by default, of d products
    H e_i in one batch of `batch * d` points. With `slices` it is the mean of v^T H v
    over that many random v of signs +-1, whose expectation is the trace (Hutchinson).

    The energy must be smooth: of a network of ReLUs the Hessian is 0 almost everywhere
    and the loss only flattens it.

    Source: Hyvarinen 2005, "Estimation of Non-Normalized Statistical Models by Score
    Matching", theorem 1; slices: Song et al. 2019
    (https://arxiv.org/abs/1905.07088), with the variance-reduced first term.

    Args:
        energy: Over reals.
        x: Data, `(batch, ...)`; each point has d numbers.
        slices: Number of random directions a point; None for the exact trace.
        seed: Of the directions, `(2,)`; None draws one.

    Returns:
        One value a point, `(batch,)`, in the energy's dtype.

    Raises:
        TypeError: If `energy` is no energy.
        ValueError: If `energy` is not over reals, `slices` is not a positive integer,
            or the points have another shape.
    """
    x = check_energy(energy, "reals").points(x)
    event = x.shape[1:]
    d = math.prod(event)
    if slices is None:
        count = d
        directions = tf.tile(tf.eye(d, dtype=x.dtype), [tf.shape(x)[0], 1])
    else:
        if not isinstance(slices, int) or isinstance(slices, bool) or slices < 1:
            raise ValueError(
                f"`slices` must be a positive integer or None. Received: {slices!r}"
            )
        count = slices
        seed = _seeded.fresh() if seed is None else seed
        signs = _seeded.integers([tf.shape(x)[0] * count, d], seed, 2)
        directions = tf.cast(2 * signs - 1, x.dtype)
    # Each point `count` times in a row, once a direction.
    points = tf.repeat(x, count, axis=0)
    directions = tf.reshape(directions, [-1, *event])
    axes = list(range(1, x.shape.rank))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(points)
        scores = energy.score(points)
        slope = -tf.reduce_sum(scores * directions, axes)
    # Unconnected where E is linear in x: the Hessian is 0.
    products = tape.gradient(slope, points, unconnected_gradients="zero")
    curvature = tf.reduce_sum(products * directions, axes)  # v^T H v
    laplacian = tf.reduce_sum(tf.reshape(curvature, [-1, count]), axis=1)
    if slices is not None:
        laplacian /= slices
    # A point's score is the same each time, and one more evaluation would cost more.
    squares = tf.reshape(tf.reduce_sum(scores**2, axes), [-1, count])
    return tf.reduce_mean(squares, axis=1) / 2 - laplacian
