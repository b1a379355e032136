"""Triplets one by one: equation 3 of https://arxiv.org/abs/1503.03832 and its mining.

"hard" and "all" as in section 2 of https://arxiv.org/abs/1703.07737, with FaceNet's
squared distances.
"""

import numpy as np

from tests.reference.distance import distance


def triplet(z, labels, margin, kind, mining):
    """One value an anchor."""
    count = len(z)
    squared = [[distance(a, b, kind) ** 2 for b in z] for a in z]

    def term(a, p, n):
        return max(0.0, squared[a][p] - squared[a][n] + margin)

    def partner(a, p, negatives):
        """FaceNet's semi-hard negative, or the least hard one where there is none."""
        farther = [n for n in negatives if squared[a][n] > squared[a][p]]
        if farther:
            return min(farther, key=lambda n: squared[a][n])
        return max(negatives, key=lambda n: squared[a][n])

    values = []
    for a in range(count):
        positives = [p for p in range(count) if p != a and labels[p] == labels[a]]
        negatives = [n for n in range(count) if labels[n] != labels[a]]
        if not positives or not negatives:
            values.append(0.0)
        elif mining == "hard":
            p = max(positives, key=lambda p: squared[a][p])
            n = min(negatives, key=lambda n: squared[a][n])
            values.append(term(a, p, n))
        elif mining == "semi_hard":
            terms = [term(a, p, partner(a, p, negatives)) for p in positives]
            values.append(sum(terms) / len(terms))
        else:
            terms = [term(a, p, n) for p in positives for n in negatives]
            values.append(sum(terms) / len(terms))
    return np.array(values)
