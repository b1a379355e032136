"""Ratio matching: neighbours' probabilities compared, and no partition function."""

import tensorflow as tf

from keras_contrastive.energies.energy import Energy
from keras_contrastive.losses.energy_checks import check_energy


def ratio_matching(energy: Energy, x: tf.Tensor) -> tf.Tensor:
    """How unlikely each bit is given the others, squared and summed over the bits.

    With D_i = E(flip_i x) - E(x), the ratio u = p(x) / p(flip_i x) = exp(D_i) and
    g(u) = 1 / (1 + u),

        sum_i g(u_i)^2 = sum_i sigmoid(-D_i)^2

    Each term is bounded by 1, so a point that the model finds all but impossible has
    almost no gradient: start near flat energies.

    Source: Hyvarinen 2007, "Some Extensions of Score Matching".

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
    return tf.reduce_sum(tf.sigmoid(-differences) ** 2, axis=1)
