"""A learning rate of its own for each variable: a factor on the common one."""

import math
from collections.abc import Sequence
from typing import Any

import keras


class RateFactors:
    """Makes an optimizer multiply the learning rate of each variable by a factor.

    Stands before an optimizer in a class of one's own:

        class FactoredLARS(RateFactors, kc.optimizers.LARS):
            pass

    Each variable moves as under that optimizer alone with its own learning rate,
    weight decay inside the gradient included. Keras's decoupled weight decay, which
    happens outside the step of a variable, would not be scaled and is refused.

    Args:
        *args: Of the optimizer.
        rate_factors: One number a variable, none negative, in the order of the
            variables that the optimizer is built with, as a model's
            `trainable_variables`.
        **kwargs: Of the optimizer.

    Raises:
        ValueError: If a factor is negative or not finite, when built with another
            number of variables, or for a decoupled weight decay.
    """

    def __init__(self, *args: Any, rate_factors: Sequence[float], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.rate_factors = tuple(float(factor) for factor in rate_factors)
        if not all(math.isfinite(x) and x >= 0 for x in self.rate_factors):
            raise ValueError(
                "`rate_factors` must be finite and not negative. "
                f"Received: {self.rate_factors}"
            )
        if self.weight_decay:
            raise ValueError(
                "`weight_decay` must be None: it is taken off outside the step, where "
                f"no factor reaches it. Received: {self.weight_decay}"
            )

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates the optimizer's state for as many variables as there are factors."""
        if len(variables) != len(self.rate_factors):
            raise ValueError(
                "`rate_factors` must hold one factor for each of the "
                f"{len(variables)} variables. Received: {len(self.rate_factors)}"
            )
        super().build(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable with the learning rate times its factor."""
        factor = self.rate_factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "rate_factors": list(self.rate_factors)}


@keras.saving.register_keras_serializable(package="keras_contrastive")
class FactoredAdam(RateFactors, keras.optimizers.Adam):
    """Adam with a factor on the learning rate of each variable.

    For fine-tuning with a rate that decays from the head down to the images, as BEiT
    (https://arxiv.org/abs/2106.08254), appendix H, and MAE
    (https://arxiv.org/abs/2111.06377), appendix A.2, do with AdamW.

        levels = kc.encoders.weight_levels(trunk)  # 1 is next to the images
        factors = [0.75 ** (max(levels) + 1 - level) for level in levels]

    Args:
        *args: Of `keras.optimizers.Adam`.
        rate_factors: One number a variable; see `RateFactors`.
        **kwargs: Of `keras.optimizers.Adam`, without `weight_decay`.

    Raises:
        ValueError: As `RateFactors`.
    """
