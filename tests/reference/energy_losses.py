"""The objectives of energy-based models, from probabilities and by loops, in float64.

`p` maps a point, as a tuple, to its probability (or any multiple of it).
"""

import numpy as np


def flipped(point, site):
    other = list(point)
    other[site] = 1 - other[site]
    return tuple(other)


def conditional(p, point, site):
    """q(x_i | all others)."""
    return p[point] / (p[point] + p[flipped(point, site)])


def pseudo_likelihood(p, point):
    return -sum(np.log(conditional(p, point, i)) for i in range(len(point)))


def ratio_matching(p, point):
    """g(u)^2 of the ratio u of a point's probability to its neighbour's."""
    total = 0.0
    for i in range(len(point)):
        u = p[point] / p[flipped(point, i)]
        total += (1 / (1 + u)) ** 2
    return total


def minimum_probability_flow(p, point, epsilon, neighbours):
    """The flow to each neighbour, at the rate sqrt(p_j / p_i)."""
    return epsilon * sum(np.sqrt(p[other] / p[point]) for other in neighbours)


def noise_contrastive(data, noise, nu):
    """Minus the log posterior of each label; `data` and `noise` hold (p, p_noise)."""
    model, other = data
    loss = -np.log(model / (model + nu * other))
    for model, other in noise:
        loss -= np.log(nu * other / (model + nu * other))
    return loss


def gradient(function, x, step=1e-5):
    slopes = []
    for i in range(len(x)):
        h = step * np.eye(len(x))[i]
        slopes.append((function(x + h) - function(x - h)) / (2 * step))
    return np.array(slopes)


def laplacian(function, x, step=1e-4):
    total = 0.0
    for i in range(len(x)):
        h = step * np.eye(len(x))[i]
        total += (function(x + h) - 2 * function(x) + function(x - h)) / step**2
    return total


def score_matching(function, x):
    return (gradient(function, x) ** 2).sum() / 2 - laplacian(function, x)


def denoising_score_matching(function, x, stddev, noise):
    noisy = x + stddev * noise
    target = (noisy - x) / stddev**2
    return ((gradient(function, noisy) - target) ** 2).sum() / 2
