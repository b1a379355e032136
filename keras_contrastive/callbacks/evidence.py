"""What is known of a representation at the end of an epoch."""

import dataclasses
from typing import Any

import numpy as np

from keras_contrastive.evaluation.representation import (
    alignment,
    effective_rank,
    feature_std,
)

# Before and during healthy training, trunks that were measured kept 3.7% of an even
# spread or more, three directions or more, and views 0.4 of the way to another image.
SPREAD = 0.02
DIRECTIONS = 2.0
ALIGNMENT = 1e-3
# Below so few dimensions, two directions are nothing to ask for.
_MANY = 8


@dataclasses.dataclass(frozen=True)
class Look:
    """Features at one moment.

    Attributes:
        features: Of the clean images, `(n, dim)`.
        views: Of two views of each, two `(n, dim)`; None where there are none.
    """

    features: np.ndarray
    views: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def finite(self) -> bool:
        """Whether every feature is."""
        return all(np.isfinite(x).all() for x in (self.features, *(self.views or ())))

    @property
    def spread(self) -> float:
        """Standard deviation as a share of evenly spread unit vectors', 1/sqrt(dim)."""
        return feature_std(self.features) * self.features.shape[1] ** 0.5

    @property
    def one_point(self) -> bool:
        """Whether all images map to about one point."""
        return self.spread < SPREAD

    @property
    def directions(self) -> float:
        """Effective rank about the mean: in how many directions images differ."""
        return effective_rank(self.features, centre=True)

    @property
    def flat(self) -> bool:
        """Whether far fewer directions are used than there are."""
        room = min(self.features.shape[1], len(self.features) - 1)
        return room >= _MANY and self.directions < DIRECTIONS

    @property
    def nearness(self) -> float:
        """Squared distance of two views as a share of that of two images' views."""
        first, second = self.views
        n, dim = first.shape
        # The mean over pairs of unit vectors is 2 n / (n - 1) times their variance.
        variance = dim * np.mean(np.var(_unit(first), axis=0))
        apart = 2 * variance * n / max(n - 1, 1)
        return alignment(first, second) / apart if apart > 0 else float("inf")


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What is known at the end of an epoch.

    Attributes:
        epoch: Its number, from 1.
        first: Whether it is the first that was measured in this fit.
        before: The features before training.
        now: The features.
        alike: Whether all the images that are measured are one.
        same_pixels: Whether the two views of every image are equal.
        model: The model in `fit`.
        logs: Its numbers of the epoch.
    """

    epoch: int
    first: bool
    before: Look
    now: Look
    alike: bool
    same_pixels: bool
    model: Any
    logs: dict[str, Any]

    def log(self, name: str) -> float | None:
        """Returns one of the epoch's numbers, None if it is missing or not finite."""
        value = self.logs.get(name)
        return float(value) if value is not None and np.isfinite(value) else None


def _unit(features: np.ndarray) -> np.ndarray:
    rows = features.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
