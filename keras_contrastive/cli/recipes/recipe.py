"""What a recipe is."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a run is made of; each field but the last two has a flag of its name.

    Attributes:
        learning_rate: Peak, for a batch of 256.
        source: Where the values come from.
        arguments: Those of the method that differ from its paper's values.
    """

    method: str
    dataset: str
    encoder: str
    image_size: int
    augmentation: str
    optimizer: str
    learning_rate: float
    weight_decay: float
    epochs: int
    batch_size: int
    source: str
    schedule: str = "cosine"
    warmup_epochs: float = 0
    augment_on: str = "pipeline"
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def line(self) -> str:
        """Returns the recipe in a few words."""
        return (
            f"{self.encoder}, {self.image_size} px, {self.augmentation} views, "
            f"{self.optimizer} {self.learning_rate:g}, batch {self.batch_size}, "
            f"{self.epochs} epochs"
        )
