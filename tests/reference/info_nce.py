"""InfoNCE from equation 1 of https://arxiv.org/abs/1911.05722, term by term."""

import math

import numpy as np


def info_nce(query, key, negatives, temperature):
    """One value a query; `negatives` holds a list of vectors for each."""

    def similarity(a, b):
        a, b = a.astype(np.float64), b.astype(np.float64)
        return a @ b / math.sqrt(a @ a) / math.sqrt(b @ b) / temperature

    values = []
    for q, k, others in zip(query, key, negatives, strict=True):
        logits = [similarity(q, k), *(similarity(q, n) for n in others)]
        highest = max(logits)
        total = sum(math.exp(logit - highest) for logit in logits)
        values.append(math.log(total) + highest - logits[0])
    return np.array(values)
