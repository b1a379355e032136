"""Pseudo-likelihood: each bit is likely given all others."""

import tensorflow as tf

from keras_contrastive.energies.energy import Energy
from keras_contrastive.losses.energy_checks import check_energy


def pseudo_likelihood(energy: Energy, x: tf.Tensor) -> tf.Tensor:
    """Minus the log probability of each bit given the others, summed over the bits.

    With D_i = E(flip_i x) - E(x), so that q(x_i | others) = sigmoid(D_i),

        - sum_i log q(x_i | others) = sum_i softplus(-D_i)

    Source: Besag 1975, "Statistical Analysis of Non-Lattice Data".

    Args:
        energy: Over bits.
        x: Data, `(batch, ...)` in {0, 1}.

    Returns:
        One value a point, `(batch,)`, in the energy's dtype.

    Raises:
        TypeError: If `energy` is no energy.
        ValueError: If `energy` is not over bits, or the points have another shape.
    """
    differences = check_energy(energy, "bits").flip_differences(x)
    return tf.reduce_sum(tf.nn.softplus(-differences), axis=1)
