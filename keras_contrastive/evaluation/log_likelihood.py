"""What a model of known log Z gives to points that it has not seen."""

import math
from typing import Any, NamedTuple

import numpy as np

from keras_contrastive.energies import Energy

from .energy_values import check_energy, energy_values


class LogLikelihood(NamedTuple):
    """A mean over points and its error.

    Attributes:
        mean: Nats a point.
        standard_error: Of the mean: of drawing the points and, where log Z was
            estimated, of that.
    """

    mean: float
    standard_error: float


def mean_log_likelihood(
    energy: Energy, x: Any, log_partition: Any, batch_size: int = 1024
) -> LogLikelihood:
    """Returns the mean of log p(x) = -E(x) - log Z.

    Args:
        energy: E.
        x: Points, `(n, ...)`, at least one; of an energy over bits each in {0, 1}.
        log_partition: log Z: a number, such as `exact_log_partition` returns, or what
            `ais_log_partition` returns. That estimate is below log Z in expectation,
            and so this mean above the truth.
        batch_size: Points evaluated at once.

    Returns:
        The mean in nats and its standard error; unpacks as the two.

    Raises:
        TypeError: If `energy` is no energy.
        ValueError: If its temperature is not 1, there is no point, a point is not
            within the energy's domain, or log Z is not finite.
    """
    check_energy(energy)
    x = np.asarray(x)
    if x.ndim < 2 or not len(x):
        raise ValueError(
            f"`x` must hold at least one point, of shape (n, ...). "
            f"Received: shape {x.shape}"
        )
    if energy.domain == "bits" and not ((x == 0) | (x == 1)).all():
        outside = x[(x != 0) & (x != 1)]
        raise ValueError(
            "`x` must be bits, 0 or 1; `kc.data.binarise` draws them of grey pixels. "
            f"Received: {outside.size} other values, {outside[0]} the first"
        )
    if not np.isfinite(x).all():
        raise ValueError("`x` must be finite. Received: NaN or infinity")
    log_z = float(getattr(log_partition, "log_z", log_partition))
    if not math.isfinite(log_z):
        raise ValueError(f"`log_partition` must be finite. Received: {log_z}")
    values = -energy_values(energy, x, batch_size) - log_z
    # A point of infinite energy leaves no spread to speak of.
    known = len(x) > 1 and np.isfinite(values).all()
    spread = float(np.std(values, ddof=1)) if known else math.nan
    of_log_z = float(getattr(log_partition, "standard_error", 0.0))
    error = math.hypot(spread / math.sqrt(len(x)), of_log_z)
    return LogLikelihood(float(values.mean()), error)
