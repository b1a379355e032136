"""The learning rate of the contrastive papers: linear warm-up, then a cosine."""

import math

import keras

SCALINGS = ("linear", "sqrt", None)


def warmup_cosine(
    base_learning_rate: float,
    batch_size: int,
    steps_per_epoch: int,
    epochs: int,
    warmup_epochs: float = 10,
    scaling: str | None = "linear",
    final: float = 0.0,
) -> keras.optimizers.schedules.CosineDecay:
    """Returns Keras's cosine schedule with a warm-up, its peak scaled to the batch.

    The rate rises linearly from 0 to the peak over the warm-up, then falls along a
    half cosine that ends with the last epoch (Goyal et al. 2017, "Accurate, Large
    Minibatch SGD"; Loshchilov & Hutter 2017, "SGDR"). The peak is

        linear   base_learning_rate * batch_size / 256
        sqrt     base_learning_rate * sqrt(batch_size)
        None     base_learning_rate

    SimCLR's are 0.3 with "linear", and 0.075 with "sqrt".

    Args:
        base_learning_rate: Above 0.
        batch_size: Images in a global batch, over all replicas.
        steps_per_epoch: Optimizer steps an epoch.
        epochs: Epochs in all, the warm-up included.
        warmup_epochs: From 0, for no warm-up, to below `epochs`.
        scaling: "linear", "sqrt" or None.
        final: The rate at the end, as a share of the peak, in [0, 1].

    Returns:
        A schedule of Keras's own, which its optimizers take as `learning_rate`.

    Raises:
        ValueError: If an argument is out of its range.
    """
    if not (math.isfinite(base_learning_rate) and base_learning_rate > 0):
        raise ValueError(
            f"`base_learning_rate` must be above 0. Received: {base_learning_rate}"
        )
    for name, value in (
        ("batch_size", batch_size),
        ("steps_per_epoch", steps_per_epoch),
        ("epochs", epochs),
    ):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {value}")
    if not 0 <= warmup_epochs < epochs:
        raise ValueError(
            f"`warmup_epochs` must be from 0 to below `epochs`, {epochs}. "
            f"Received: {warmup_epochs}"
        )
    if scaling not in SCALINGS:
        raise ValueError(f"`scaling` must be one of {SCALINGS}. Received: {scaling!r}")
    if not 0 <= final <= 1:
        raise ValueError(f"`final` must be in [0, 1]. Received: {final}")
    factor = {"linear": batch_size / 256, "sqrt": math.sqrt(batch_size), None: 1.0}
    peak = float(base_learning_rate * factor[scaling])
    steps = round(steps_per_epoch * epochs)
    warmup_steps = min(round(steps_per_epoch * warmup_epochs), steps - 1)
    if warmup_steps == 0:
        return keras.optimizers.schedules.CosineDecay(peak, steps, alpha=float(final))
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        steps - warmup_steps,
        alpha=float(final),
        warmup_target=peak,
        warmup_steps=warmup_steps,
    )
