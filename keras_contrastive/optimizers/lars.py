"""LARS: momentum SGD whose step follows the length of each weight tensor."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_contrastive.optimizers.sgd import SGD

# How Keras ends the paths of biases and of normalisation scales and offsets.
# A SavedModel's variables are named "conv2d_bias": hence no slash is asked for.
DEFAULT_EXCLUDE = ("bias$", "gamma$", "beta$", "scale$")


@keras.saving.register_keras_serializable(package="keras_contrastive")
class LARS(SGD):
    """Layer-wise adaptive rate scaling (You et al. 2017), as SimCLR uses it.

    For each trainable variable w with gradient g:

        g <- g + weight_decay * w
        r  = trust_coefficient * |w| / (|g| + epsilon)
        v <- momentum * v + learning_rate * r * g
        w <- w - v

    A variable whose path matches `exclude` takes no weight decay and r = 1: biases
    and normalisation parameters start at 0 or 1, so that their length says nothing.
    r is 1 too where |w| or |g| is 0. Norms are taken of the gradient summed over
    all replicas, in float32 or wider. Weight decay enters the gradient, before the
    norm; Keras's own decoupled decay never runs here.

    Source: https://arxiv.org/abs/1708.03888; SimCLR
    (https://arxiv.org/abs/2002.05709), section 2.

    Args:
        learning_rate: Above 0: a float, a schedule or a callable. SimCLR's is
            0.3 * batch size / 256.
        momentum: In [0, 1).
        weight_decay: Not negative. At 0 the step is still scaled.
        trust_coefficient: Above 0.
        exclude: Regular expressions that are searched in a variable's path, such as
            "stem/conv/bias"; "bias$" matches the end. One of your own that matches
            no variable warns when the optimizer is built.
        nesterov: Whether the step looks ahead: w <- w - (momentum * v + r * lr * g).
        epsilon: Added to |g|; not negative.
        name: The optimizer's name.
        **kwargs: Of every Keras optimizer, such as `clipnorm` or `use_ema`.

    Raises:
        TypeError: If `exclude` is a single string.
        ValueError: If an argument is out of its range, or an expression is invalid.
    """

    default_exclude = DEFAULT_EXCLUDE

    def __init__(
        self,
        learning_rate: Any = 0.3,
        momentum: float = 0.9,
        weight_decay: float = 1e-6,
        trust_coefficient: float = 0.001,
        exclude: Sequence[str] = DEFAULT_EXCLUDE,
        nesterov: bool = False,
        epsilon: float = 0.0,
        name: str = "lars",
        **kwargs: Any,
    ):
        super().__init__(
            learning_rate, momentum, weight_decay, exclude, nesterov, name, **kwargs
        )
        if not trust_coefficient > 0:
            raise ValueError(
                f"`trust_coefficient` must be above 0. Received: {trust_coefficient}"
            )
        if not epsilon >= 0:
            raise ValueError(f"`epsilon` must not be negative. Received: {epsilon}")
        self.trust_coefficient = trust_coefficient
        self.epsilon = epsilon

    def rate_factor(self, weight: Any, gradient: Any) -> Any:
        """Returns trust_coefficient * |w| / |g|, or 1 where either is 0."""
        weight_norm = ops.sqrt(ops.sum(ops.square(weight)))
        gradient_norm = ops.sqrt(ops.sum(ops.square(gradient)))
        defined = ops.logical_and(weight_norm > 0, gradient_norm > 0)
        divisor = ops.where(defined, gradient_norm + self.epsilon, 1.0)
        return ops.where(defined, self.trust_coefficient * weight_norm / divisor, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "trust_coefficient": self.trust_coefficient,
            "epsilon": self.epsilon,
        }
