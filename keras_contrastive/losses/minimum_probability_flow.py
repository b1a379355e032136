"""Minimum probability flow: what would leave the data if dynamics were let loose."""

import math
from collections.abc import Callable

import tensorflow as tf

from keras_contrastive.energies.energy import Energy
from keras_contrastive.losses.energy_checks import check_energy

# The exponent up to which the flow is exact. Its square, times any batch, is finite in
# float32, as optimizers that square the gradient and clipping by norm need.
_HIGHEST = 30.0


def minimum_probability_flow(
    energy: Energy,
    x: tf.Tensor,
    epsilon: float = 1.0,
    neighbours: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> tf.Tensor:
    """The probability that flows from the data to their neighbours in a time epsilon.

    With D_j = E(neighbour_j) - E(x),

        epsilon * sum_j exp(-D_j / 2)

    Neighbours that are in the data set are not left out, although the paper's text
    leaves them out: on a small space the sum then empties, and the energies diverge.

    Where a neighbour's probability is above e^60 times the point's, the exponential
    goes on along its tangent there, so that value and gradient are finite.

    Source: Sohl-Dickstein et al. 2011, "Minimum Probability Flow Learning".

    Args:
        energy: Over bits; over anything if `neighbours` are given.
        x: Data, `(batch, ...)`.
        epsilon: Time, above 0; it scales the loss.
        neighbours: From points `(batch, ...)` in the energy's dtype to their
            neighbours `(batch, n, ...)`. Being neighbours must be mutual, or the
            minimum is not at the data's distribution. None: all one-bit flips.

    Returns:
        One value a point, `(batch,)`, in the energy's dtype.

    Raises:
        TypeError: If `energy` is no energy.
        ValueError: If `epsilon` is not above 0, `energy` is not over bits while
            `neighbours` are left out, or the neighbours have another shape.
    """
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise ValueError(
            f"`epsilon` must be a finite number above 0. Received: {epsilon}"
        )
    if neighbours is None:
        differences = check_energy(energy, "bits").flip_differences(x)
    else:
        energy = check_energy(energy, getattr(energy, "domain", "bits"))
        differences = _differences(energy, energy.points(x), neighbours)
    return epsilon * tf.reduce_sum(_exp(-differences / 2), axis=1)


def _differences(
    energy: Energy, x: tf.Tensor, neighbours: Callable[[tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    """E(neighbour_j) - E(x), `(batch, n)`, of one batched evaluation."""
    near = tf.cast(neighbours(x), x.dtype)
    event = x.shape[1:]
    if not near.shape.is_compatible_with([x.shape[0], None, *event]):
        raise ValueError(
            "`neighbours` must return (batch, n, *shape of a point), here "
            f"{(x.shape[0], None, *event)}. Received: {near.shape}"
        )
    energies = energy(tf.reshape(near, [-1, *event]))
    return tf.reshape(energies, tf.shape(near)[:2]) - energy(x)[:, None]


@tf.custom_gradient
def _exp(exponent: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """exp, continued by its tangent where it would overflow.

    With its slope by hand: TensorFlow's own takes many more operations.
    """
    slope = tf.exp(tf.minimum(exponent, _HIGHEST))
    value = slope * (1 + tf.nn.relu(exponent - _HIGHEST))
    return value, lambda upstream: upstream * slope
