"""What a loss asks of an energy before it computes anything."""

from typing import Any

from keras_contrastive.energies.energy import Energy


def check_energy(energy: Any, domain: str) -> Energy:
    """Returns the energy.

    Args:
        energy: What the caller passed.
        domain: "bits" or "reals", what the loss is defined on.

    Raises:
        TypeError: If it is no energy.
        ValueError: If its points are of another kind.
    """
    if not isinstance(energy, Energy):
        raise TypeError(
            "`energy` must be a `keras_contrastive.energies.Energy`; `NetworkEnergy` "
            f"makes one of any Keras network. Received: {energy!r}"
        )
    if energy.domain != domain:
        raise ValueError(
            f"`energy` must be over {domain}, on which this loss is defined. "
            f"Received: {type(energy).__name__} over {energy.domain}"
        )
    return energy
