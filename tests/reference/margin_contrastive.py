"""Equation 4 of Hadsell et al. 2006, twice over: without its halves."""

import numpy as np

from tests.reference.distance import distance


def pair(a, b, same, margin, kind):
    d = distance(a, b, kind)
    return d**2 if same else max(0.0, margin - d) ** 2


def margin_contrastive(z1, z2, same, margin, kind):
    """One value a pair of rows."""
    return np.array(
        [pair(a, b, s, margin, kind) for a, b, s in zip(z1, z2, same, strict=True)]
    )


def in_batch(z, labels, margin, kind):
    """One value an anchor: the mean over its like pairs plus that over its unlike."""
    values = []
    for i in range(len(z)):
        value = 0.0
        for same in (True, False):
            others = [
                j for j in range(len(z)) if j != i and (labels[i] == labels[j]) == same
            ]
            terms = [pair(z[i], z[j], same, margin, kind) for j in others]
            value += sum(terms) / len(terms) if terms else 0.0
        values.append(value)
    return np.array(values)
