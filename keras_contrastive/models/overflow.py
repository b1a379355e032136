"""A step that overflows on one replica is skipped by all."""

from typing import Any

import tensorflow as tf

from keras_contrastive.distribute import all_finite, replica_count


def skipped_together(gradients: list[Any]) -> list[Any]:
    """Makes every replica's gradients NaN where any replica's are not finite.

    Keras's loss scaling looks at each replica alone: one that overflows would skip
    its step while the others sum its infinities into theirs.

    Args:
        gradients: This replica's, one a variable; None where there is none.

    Returns:
        The gradients, or as many of NaN.
    """
    present = [gradient for gradient in gradients if gradient is not None]
    if replica_count() == 1 or not present:
        return gradients
    together = all_finite(present)
    return [
        None if g is None else tf.where(together, g, tf.constant(float("nan"), g.dtype))
        for g in gradients
    ]
