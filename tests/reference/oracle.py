"""Exact answers for small machines of bits: everything by enumeration, in float64."""

import itertools

import numpy as np


def states(bits):
    """All points, `(2^bits, bits)`."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=bits)))


def above_diagonal(matrix):
    """What stands above the diagonal of `(d, d)`, in the order of the pairs."""
    return np.array(
        [row[i] for k, row in enumerate(matrix) for i in range(k + 1, len(row))]
    )


def boltzmann_energy(couplings, biases, x):
    """The sum over pairs, written as loops; `couplings` in the order of the pairs."""
    energies = []
    for point in x:
        energy = -sum(b * v for b, v in zip(biases, point, strict=True))
        pairs = itertools.combinations(range(len(biases)), 2)
        for coupling, (i, j) in zip(couplings, pairs, strict=True):
            energy -= coupling * point[i] * point[j]
        energies.append(energy)
    return np.array(energies)


def boltzmann_statistics(x):
    """-dE/d(couplings, biases) of each point, `(n, d (d - 1) / 2 + d)`."""
    pairs = itertools.combinations(range(x.shape[1]), 2)
    products = [x[:, i] * x[:, j] for i, j in pairs]
    return np.concatenate([np.array(products).T.reshape(len(x), -1), x], axis=1)


def rbm_free_energy(kernel, visible_biases, hidden_biases, x):
    """-log sum_h exp(-E(v, h)), by a sum over all h."""
    hidden = states(len(hidden_biases))
    joint = x @ visible_biases[:, None] + hidden @ hidden_biases + x @ kernel @ hidden.T
    return -np.log(np.exp(joint).sum(axis=1))


def log_partition(energies):
    """log Z of all states' energies."""
    low = energies.min()
    return np.log(np.exp(low - energies).sum()) - low


def probabilities(energies):
    """p of all states."""
    return np.exp(-energies - log_partition(energies))


def gibbs_site_matrix(energies, site, bits):
    """T[x, y] of drawing one bit given the others; states in the order of `states`."""
    count = len(energies)
    matrix = np.zeros((count, count))
    for x in range(count):
        flipped = x ^ (1 << (bits - 1 - site))
        stay = 1 / (1 + np.exp(energies[x] - energies[flipped]))
        matrix[x, x] += stay
        matrix[x, flipped] += 1 - stay
    return matrix


def gibbs_sweep_matrix(energies, bits):
    """T of one sweep over all sites in order."""
    matrix = np.eye(len(energies))
    for site in range(bits):
        matrix = matrix @ gibbs_site_matrix(energies, site, bits)
    return matrix


def rbm_gibbs_matrix(kernel, visible_biases, hidden_biases):
    """T[v, v'] = sum_h p(h | v) p(v' | h)."""

    def conditional(logits, outcomes):
        on = 1 / (1 + np.exp(-logits))[:, None]
        return np.where(outcomes[None] > 0, on, 1 - on).prod(axis=2)

    visible, hidden = states(len(visible_biases)), states(len(hidden_biases))
    up = conditional(hidden_biases + visible @ kernel, hidden)
    down = conditional(visible_biases + hidden @ kernel.T, visible)
    return up @ down


def metropolis_matrix(energies, bits):
    """T of flipping one random bit, kept with probability min(1, exp(-D))."""
    count = len(energies)
    matrix = np.zeros((count, count))
    for x in range(count):
        for site in range(bits):
            flipped = x ^ (1 << site)
            kept = min(1.0, np.exp(energies[x] - energies[flipped]))
            matrix[x, flipped] += kept / bits
            matrix[x, x] += (1 - kept) / bits
    return matrix


def cd_gradient(data, matrix, steps, statistics):
    """Expected d(mean E(x+) - mean E(x-)) of chains that start at the data.

    Args:
        data: Distribution of the data, `(states,)`.
        matrix: One step of the chain, `(states, states)`.
        steps: How many.
        statistics: -dE/dparameters of all states, `(states, parameters)`.
    """
    samples = data @ np.linalg.matrix_power(matrix, steps)
    return (samples - data) @ statistics


def kl(p, q):
    """KL(p || q), with 0 log 0 = 0."""
    held = p > 0
    return float((p[held] * np.log(p[held] / q[held])).sum())
