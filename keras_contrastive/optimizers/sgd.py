"""Momentum SGD with the weight decay of the papers: inside the gradient."""

import re
import warnings
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SGD(keras.optimizers.Optimizer):
    """Momentum SGD whose weight decay is part of the gradient.

    For each trainable variable w with gradient g:

        g <- g + weight_decay * w
        v <- momentum * v + learning_rate * g
        w <- w - v

    This is what the recipes of MoCo, PIRL and most others mean by SGD with weight
    decay. Keras's `SGD(weight_decay=...)` takes `learning_rate * weight_decay * w` off
    beside the momentum, which at momentum 0.9 is a tenth of it.

    Source: Sutskever et al. 2013, "On the importance of initialization and momentum in
    deep learning"; Krogh & Hertz 1991, "A Simple Weight Decay Can Improve
    Generalization".

    Args:
        learning_rate: Above 0: a float, a schedule or a callable.
        momentum: In [0, 1).
        weight_decay: Not negative.
        exclude: Regular expressions that are searched in a variable's path, such as
            "stem/conv/bias"; "bias$" matches the end. A variable that one of them
            matches takes no weight decay. One that matches no variable warns when the
            optimizer is built.
        nesterov: Whether the step looks ahead: w <- w - (momentum * v + lr * g).
        name: The optimizer's name.
        **kwargs: Of every Keras optimizer, such as `clipnorm` or `use_ema`.

    Raises:
        TypeError: If `exclude` is a single string.
        ValueError: If an argument is out of its range, or an expression is invalid.
    """

    default_exclude: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        exclude: Sequence[str] = (),
        nesterov: bool = False,
        name: str = "sgd",
        **kwargs: Any,
    ):
        # The base class would apply a decay of its own beside ours.
        super().__init__(learning_rate, weight_decay=None, name=name, **kwargs)
        if not 0 <= momentum < 1:
            raise ValueError(f"`momentum` must be in [0, 1). Received: {momentum}")
        if not weight_decay >= 0:
            raise ValueError(
                f"`weight_decay` must not be negative. Received: {weight_decay}"
            )
        if isinstance(exclude, str):
            raise TypeError(
                "`exclude` must be a list of regular expressions. "
                f"Received: {exclude!r}"
            )
        for pattern in exclude:
            try:
                re.compile(pattern)
            except (re.error, TypeError) as error:
                raise ValueError(
                    "`exclude` must hold valid regular expressions. "
                    f"Received: {pattern!r}"
                ) from error
        self.momentum = momentum
        self.coupled_weight_decay = weight_decay
        self.exclude = tuple(exclude)
        self.nesterov = nesterov

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates one momentum a variable, and looks up which ones are excluded."""
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")
        # Under tf.distribute `update_step` sees variables that have lost their path.
        paths = [getattr(v, "path", v.name.split(":")[0]) for v in variables]
        self._excluded = tuple(
            any(re.search(pattern, path) for pattern in self.exclude) for path in paths
        )
        idle = [
            pattern
            for pattern in self.exclude
            if pattern not in self.default_exclude
            and not any(re.search(pattern, path) for path in paths)
        ]
        if idle:
            warnings.warn(
                f"{type(self).__name__}: {idle} in `exclude` match no trainable "
                f"variable. The paths are: {paths}",
                stacklevel=2,
            )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable and its momentum."""
        index = self._get_variable_index(variable)
        velocity = self.momentums[index]
        # Squares of half-precision numbers overflow.
        dtype = keras.backend.result_type(variable.dtype, "float32")
        weight = ops.cast(variable, dtype)
        step = ops.cast(ops.convert_to_tensor(gradient), dtype)
        rate = ops.cast(learning_rate, dtype)
        if not self._excluded[index]:
            step = step + self.coupled_weight_decay * weight
            rate = rate * self.rate_factor(weight, step)
        step = rate * step
        new_velocity = self.momentum * ops.cast(velocity, dtype) + step
        self.assign(velocity, new_velocity)
        ahead = self.momentum * new_velocity + step if self.nesterov else new_velocity
        self.assign_sub(variable, ahead)

    def rate_factor(self, weight: Any, gradient: Any) -> Any:
        """Returns what the learning rate of one weight tensor is multiplied by.

        Args:
            weight: The tensor, float32 or wider.
            gradient: Its gradient with the weight decay inside, of the same shape.
        """
        return 1.0

    def exclude_from_weight_decay(self, var_list=None, var_names=None) -> None:
        """Refuses: Keras's mechanism would not reach this optimizer's weight decay."""
        raise NotImplementedError(
            f"{type(self).__name__} takes its exclusions as `exclude`, regular "
            f"expressions on paths. Received: var_list={var_list}, "
            f"var_names={var_names}"
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "weight_decay": self.coupled_weight_decay,
            "exclude": list(self.exclude),
            "nesterov": self.nesterov,
        }
