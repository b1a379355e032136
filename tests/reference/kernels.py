"""Transition matrices of the samplers, state by state, in float64."""

import numpy as np

from tests.reference.oracle import states


def gibbs_with_gradients_matrix(energy, gradient, bits):
    """T of proposing a bit by softmax(d / 2) and accepting by Metropolis-Hastings.

    Args:
        energy: Energies of all states.
        gradient: dE/dx of all states, `(states, bits)`.
        bits: How many.
    """
    points = states(bits)

    def proposal(x):
        weights = np.exp((2 * points[x] - 1) * gradient[x] / 2)
        return weights / weights.sum()

    count = len(energy)
    matrix = np.zeros((count, count))
    for x in range(count):
        for site in range(bits):
            flipped = x ^ (1 << (bits - 1 - site))
            there, back = proposal(x)[site], proposal(flipped)[site]
            ratio = np.exp(energy[x] - energy[flipped]) * back / there
            matrix[x, flipped] += there * min(1, ratio)
            matrix[x, x] += there * (1 - min(1, ratio))
    return matrix
