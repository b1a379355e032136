"""Options of `compile` that Keras does not carry out right on several replicas."""

import keras

# Keras clips each replica's share before the sum, and accumulates there.
_ALONE = ("gradient_accumulation_steps", "clipnorm", "clipvalue", "global_clipnorm")


def check_compiled(model: keras.Model, replicas: int) -> None:
    """Stops at a compiled model that would train wrongly, or not at all.

    Args:
        model: Compiled, its optimizer not built yet.
        replicas: How many replicas step together.

    Raises:
        ValueError: If an option works on one replica alone.
    """
    if replicas == 1:
        return
    inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    for option in _ALONE:
        if value := getattr(inner, option, None):
            raise ValueError(
                f"`optimizer` must have no {option} under {replicas} replicas, "
                f"where Keras 3.15 does not do it right. Received: {value}"
            )
    if model.jit_compile:
        raise ValueError(
            f"`jit_compile` must be False under {replicas} replicas, whose gathers "
            "XLA cannot compile together with the step. Received: True"
        )
