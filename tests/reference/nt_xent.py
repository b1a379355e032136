"""NT-Xent from equation 1 of https://arxiv.org/abs/2002.05709, term by term."""

import math

import numpy as np


def nt_xent(z1, z2, temperature):
    """One value an image: the mean of l(first, second) and l(second, first)."""
    views = np.concatenate([z1, z2]).astype(np.float64)
    count = len(z1)

    def similarity(i, j):
        lengths = math.sqrt(views[i] @ views[i]) * math.sqrt(views[j] @ views[j])
        return views[i] @ views[j] / lengths

    def pair(i, j):
        others = [similarity(i, k) / temperature for k in range(2 * count) if k != i]
        highest = max(others)
        total = sum(math.exp(other - highest) for other in others)
        return math.log(total) + highest - similarity(i, j) / temperature

    return np.array(
        [0.5 * (pair(i, i + count) + pair(i + count, i)) for i in range(count)]
    )
