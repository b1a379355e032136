"""PIRL's and NPID's losses, term by term, as sums over the negatives.

The softmax h: equations 3 and 4 of https://arxiv.org/abs/1912.01991, anchored at the
transformed image. The constant Z: equations 4 to 8 of https://arxiv.org/abs/1805.01978.
"""

import math

import numpy as np


def similarity(a, b):
    a, b = np.float64(a), np.float64(b)
    return a @ b / (math.sqrt(a @ a) * math.sqrt(b @ b))


def in_batch(positive, i):
    """The other images of a batch."""
    return [row for j, row in enumerate(positive) if j != i]


def pirl_nce(anchor, positive, negatives, temperature):
    """One value an anchor; `negatives` None takes the other positives."""
    values = []
    for i, a in enumerate(anchor):
        noise = in_batch(positive, i) if negatives is None else negatives
        scores = [similarity(a, x) / temperature for x in [positive[i], *noise]]
        highest = max(scores)
        weights = [math.exp(score - highest) for score in scores]
        total = math.fsum(weights)
        value = -(scores[0] - highest - math.log(total))
        for k in range(1, len(weights)):
            # 1 - h as the share of all the others: exact where h is near 1.
            others = math.fsum(weights[:k] + weights[k + 1 :])
            value -= math.log(others / total)
        values.append(value)
    return np.array(values)


def npid_nce(anchor, positive, negatives, temperature, log_partition, dataset_size):
    """One value an anchor; `negatives` None takes the other positives."""
    values = []
    for i, a in enumerate(anchor):
        noise = in_batch(positive, i) if negatives is None else negatives
        share = len(noise) / dataset_size

        def h(x, a=a, share=share):
            model = math.exp(similarity(a, x) / temperature - log_partition)
            return model / (model + share)

        value = -math.log(h(positive[i]))
        for x in noise:
            value -= math.log(1 - h(x))
        values.append(value)
    return np.array(values)
