"""The two distances of a pair of embeddings, from their definitions."""

import math

import numpy as np


def distance(a, b, kind):
    """Euclidean as they are ("l2"), or on the unit sphere, from the angle's cosine."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if kind == "l2":
        return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))
    cosine = a @ b / (math.sqrt(a @ a) * math.sqrt(b @ b))
    return math.sqrt(max(0.0, 2 - 2 * cosine))
