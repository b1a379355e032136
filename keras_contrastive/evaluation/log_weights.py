"""From importance weights to log Z, with its error."""

import math
from typing import NamedTuple

import numpy as np


class LogPartitionEstimate(NamedTuple):
    """What a run of annealed importance sampling in one direction gives.

    Attributes:
        log_z: log Z in nats.
        standard_error: Of log Z, by the delta method: the spread of the weights over
            their mean, over the root of their number. Too small where few chains hold
            most of the weight.
        effective_sample_size: (sum w)^2 / sum w^2, from 1 to the number of chains.
        log_weights: One a chain, `(chains,)` float64: of the forward run each is the
            log of an unbiased estimate of Z, of the reverse run minus the log of one of
            1 / Z.
    """

    log_z: float
    standard_error: float
    effective_sample_size: float
    log_weights: np.ndarray


def estimate(log_weights: np.ndarray, reverse: bool = False) -> LogPartitionEstimate:
    """Returns log of the mean weight, or minus log of the mean inverse weight.

    Args:
        log_weights: `(chains,)` float64.
        reverse: Whether the inverses of the weights are the unbiased ones.

    Raises:
        ValueError: If one is not a number, or none is above -inf.
    """
    signed = -log_weights if reverse else log_weights
    highest = signed.max()
    if not math.isfinite(highest):
        raise ValueError(
            "Annealing must give finite weights: an energy on the way was NaN, or no "
            f"chain was where the model is. Received: {log_weights}"
        )
    weights = np.exp(signed - highest)
    mean = weights.mean()
    log_z = float(highest + math.log(mean))
    count = len(weights)
    error = float(weights.std(ddof=1) / mean / math.sqrt(count))
    size = float(weights.sum() ** 2 / (weights**2).sum())
    return LogPartitionEstimate(-log_z if reverse else log_z, error, size, log_weights)
