"""Densities of points from their textbook formulas, by loops, in float64."""

import math

import numpy as np


def normal(x, mean, covariance):
    """The density of N(mean, covariance) at one point."""
    away = x - mean
    power = away @ np.linalg.inv(covariance) @ away
    scale = (2 * math.pi) ** len(x) * np.linalg.det(covariance)
    return math.exp(-power / 2) / math.sqrt(scale)


def mixture(x, means, covariances, weights):
    parts = zip(weights, means, covariances, strict=True)
    return sum(w * normal(x, m, c) for w, m, c in parts)


def bernoulli(x, probabilities):
    chances = [p if v else 1 - p for v, p in zip(x, probabilities, strict=True)]
    return math.prod(chances)
