"""What an energy is: a number for each point, low where points are likely."""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


class Energy(keras.layers.Layer):
    """A map from points to energies, p(x) = exp(-E(x)) / Z.

    A subclass says in `domain` what its points are made of and in `event_shape` how
    they are shaped, builds its weights in the constructor and computes energies in
    `call`. Only differences of energies count: E and E + constant are one model.

    Energies are computed in float32 whatever the global policy is, because a chain
    compares neighbours whose energies differ little; `dtype="float64"` does it finer.

    Args:
        **kwargs: `name`, `dtype`, `trainable`.

    Attributes:
        domain: "bits" for points in {0, 1}, "reals" for any.
        event_shape: Shape of a point, without the batch axis; None where any is taken.
        temperature: What the energy was divided by; 1 unless it was tempered.
    """

    domain: str = "reals"
    event_shape: tuple[int, ...] | None = None
    temperature: float = 1.0
    # So that a NumPy number times an energy is an energy, and not an array of it.
    __array_ufunc__ = None

    def __init__(self, **kwargs: Any):
        kwargs["dtype"] = kwargs.get("dtype") or "float32"
        super().__init__(autocast=False, **kwargs)

    def __call__(self, x: tf.Tensor, *args: Any, **kwargs: Any) -> tf.Tensor:
        """Returns the energy of each point.

        Args:
            x: Points, `(batch, ...)`, any number type.
            *args: As `call` takes them.
            **kwargs: As `call` takes them; `training` is False unless given, also
                within a model that is training.

        Returns:
            `(batch,)`, float32 unless `dtype` says otherwise.

        Raises:
            ValueError: If the points have another shape than the energy takes, or
                `call` returns something else than one number a point.
        """
        # Keras would hand on the mode of the model whose step a chain is part of.
        kwargs.setdefault("training", False)
        if keras.backend.is_keras_tensor(x):
            # A functional model in the making: the points come later, and through here.
            # No cast to what it is: a loaded model would have it twice.
            if keras.backend.standardize_dtype(x.dtype) != self.compute_dtype:
                x = keras.ops.cast(x, self.compute_dtype)
            return super().__call__(x, *args, **kwargs)
        x = self.points(x)
        energies = super().__call__(x, *args, **kwargs)
        if energies.shape.rank != 1 or not energies.shape.is_compatible_with(
            x.shape[:1]
        ):
            raise ValueError(
                f"`{type(self).__name__}` must return one energy a point, of shape "
                "(batch,); a column of shape (batch, 1) is `energies[:, 0]`. "
                f"Received: {energies.shape} for points of shape {x.shape}"
            )
        return tf.cast(energies, self.compute_dtype)

    def points(self, x: tf.Tensor) -> tf.Tensor:
        """Returns points in the energy's dtype.

        Args:
            x: `(batch, ...)`, any number type.

        Raises:
            ValueError: If they have another shape than the energy takes.
        """
        x = tf.convert_to_tensor(x)
        expected = [None, *self.event_shape] if self.event_shape is not None else None
        if x.shape.rank == 0 or not x.shape.is_compatible_with(expected):
            shape = "..." if expected is None else ", ".join(map(str, expected[1:]))
            raise ValueError(
                f"`x` must have shape (batch, {shape}). Received: {x.shape}"
            )
        return tf.cast(x, self.compute_dtype)

    def score(self, x: tf.Tensor) -> tf.Tensor:
        """Returns -dE/dx, the direction in which the probability grows.

        Args:
            x: Points, `(batch, ...)`.

        Returns:
            As `x`, in the energy's dtype. Differentiable.
        """
        return self.energy_and_score(x)[1]

    def energy_and_score(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns energies `(batch,)` and scores `(batch, ...)` of one evaluation."""
        x = self.points(x)
        # Only the points: the weights' tape is the caller's.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            energies = self(x)
        return energies, -tape.gradient(energies, x)

    def flip_differences(self, x: tf.Tensor) -> tf.Tensor:
        """Returns what each bit's flip does to the energy, D_i = E(flip_i x) - E(x).

        So q(x_i | all others) = sigmoid(D_i). All flipped points are evaluated in one
        batch of `batch * d`; a subclass may know a closed form.

        Args:
            x: Bits, `(batch, ...)` in {0, 1}; each point has d of them.

        Returns:
            `(batch, d)`.
        """
        x = self.points(x)
        event = x.shape[1:]
        d = math.prod(event)
        flat = tf.reshape(x, [-1, 1, d])
        one_flipped = flat + (1 - 2 * flat) * tf.eye(d, dtype=x.dtype)
        flipped = self(tf.reshape(one_flipped, [-1, *event]))
        return tf.reshape(flipped, [-1, d]) - self(x)[:, None]

    def site_differences(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None:
        """Returns a function that tells what one bit's flip does to the energy.

        For sweeps over the bits, which change between two calls while the weights stay:
        a subclass with a closed form prepares here what all calls need.

        Returns:
            A function of bits `(batch, ...)` and the number of a bit, an int32 scalar,
            to D_i = E(flip_i x) - E(x), `(batch,)`; None where only an evaluation
            tells.
        """
        return None

    def __add__(self, other: "Energy") -> "Energy":
        """Returns the sum of two energies: the product of what they find likely."""
        return _algebra().add(self, other)

    def __radd__(self, other: Any) -> "Energy":
        """Returns the energy itself for 0, with which Python's `sum` begins."""
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __mul__(self, factor: float) -> "Energy":
        """Returns the energy times a number above 0: at temperature 1 / factor."""
        return _algebra().scale(self, factor)

    __rmul__ = __mul__

    def __truediv__(self, temperature: float) -> "Energy":
        """Returns the energy at a temperature."""
        return _algebra().temper(self, temperature)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        # Not Keras's, whose dtype is a policy that `float32` here would not restore.
        return {"name": self.name, "dtype": self.compute_dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Energy":
        """Rebuilds the energy and its parts."""
        parts = {
            name: keras.saving.deserialize_keras_object(value)
            if isinstance(value, dict)
            else value
            for name, value in config.items()
        }
        return cls(**parts)


def _algebra() -> Any:
    # Sums and scalings are energies themselves, so their file imports this one.
    from keras_contrastive.energies import algebra

    return algebra


def check_units(name: str, value: Any) -> int:
    """Returns a number of units.

    Raises:
        ValueError: If it is not a positive integer.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"`{name}` must be a positive integer. Received: {value!r}")
    return value
