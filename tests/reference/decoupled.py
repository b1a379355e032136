"""Decoupled NT-Xent, the loss L_DC of https://arxiv.org/abs/2110.06848, by terms."""

import math

import numpy as np


def decoupled_nt_xent(z1, z2, temperature):
    """One value an image: the mean of the losses of its two views."""
    views = np.stack([z1, z2]).astype(np.float64)
    count = len(z1)

    def logit(a, b):
        (v, i), (w, j) = a, b
        x, y = views[v, i], views[w, j]
        return x @ y / math.sqrt((x @ x) * (y @ y)) / temperature

    def of_view(view, i):
        negatives = [
            logit((view, i), (other, j))
            for other in (0, 1)
            for j in range(count)
            if j != i
        ]
        highest = max(negatives)
        uniformity = highest + math.log(sum(math.exp(x - highest) for x in negatives))
        return uniformity - logit((view, i), (1 - view, i))

    return np.array([0.5 * (of_view(0, i) + of_view(1, i)) for i in range(count)])
