"""What `a + b`, `2.0 * a` and `a / 2.0` mean of energies."""

import numbers
from typing import Any

from keras_contrastive.energies.energy import Energy
from keras_contrastive.energies.sum_energy import SumEnergy
from keras_contrastive.energies.tempered_energy import TemperedEnergy


def add(energy: Energy, other: Any) -> Energy:
    """Returns E + E', flat where one of them is a sum already."""
    if not isinstance(other, Energy):
        return NotImplemented
    return SumEnergy([*_parts(energy), *_parts(other)])


def scale(energy: Energy, factor: Any) -> Energy:
    """Returns factor * E.

    Raises:
        ValueError: If the factor is not a finite number above 0.
    """
    if not isinstance(factor, numbers.Real):
        return NotImplemented
    if not 0 < factor < float("inf"):
        raise ValueError(
            f"`factor` must be a finite number above 0. Received: {factor}"
        )
    return TemperedEnergy(energy, 1 / float(factor))


def temper(energy: Energy, temperature: Any) -> Energy:
    """Returns E / temperature."""
    if not isinstance(temperature, numbers.Real):
        return NotImplemented
    return TemperedEnergy(energy, float(temperature))


def _parts(energy: Energy) -> list[Energy]:
    return list(energy.energies) if type(energy) is SumEnergy else [energy]
