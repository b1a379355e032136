"""Langevin dynamics: down the energy, with noise."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies import Energy
from keras_contrastive.samplers.checks import check_positive
from keras_contrastive.samplers.sampler import Sampler


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Langevin(Sampler):
    """Unadjusted Langevin dynamics.

        x <- x - eta dE/dx + sqrt(2 eta T) xi,    xi ~ N(0, I)

    Stationary at exp(-E / T) for a small eta, and beside it for a larger one: on a
    Gaussian of precision lambda the variance is T / (lambda (1 - eta lambda / 2)).
    `MALA` has no such bias.

    Source: Roberts & Tweedie 1996, "Exponential convergence of Langevin distributions
    and their discrete approximations".

    Args:
        step_size: eta, above 0.
        temperature: T, at least 0; 0 is gradient descent. A model trained with samples
            of another temperature than 1 has no likelihood.
        clip: Largest size of each component of dE/dx, above 0; None does not clip.
            With it the walk is stationary at no known density.
        bounds: Lowest and highest value of a point, where it is cut off; None: none.
        seed: Of the generator that serves calls without a seed; None draws one.

    Raises:
        ValueError: If a number is out of its range.
    """

    domain = "reals"

    def __init__(
        self,
        step_size: float,
        temperature: float = 1.0,
        clip: float | None = None,
        bounds: Sequence[float] | None = None,
        seed: int | None = None,
    ):
        super().__init__(seed)
        self.step_size = check_positive("step_size", step_size)
        if not 0 <= temperature < math.inf:
            raise ValueError(
                f"`temperature` must be finite and at least 0. Received: {temperature}"
            )
        self.temperature = temperature
        self.clip = None if clip is None else check_positive("clip", clip)
        if bounds is not None and not (len(bounds) == 2 and bounds[0] < bounds[1]):
            raise ValueError(
                f"`bounds` must be a lowest and a highest value. Received: {bounds}"
            )
        self.bounds = None if bounds is None else tuple(bounds)

    @classmethod
    def short_run(
        cls,
        step_size: float = 10.0,
        noise: float = 0.005,
        clip: float | None = 0.01,
        bounds: Sequence[float] | None = (0.0, 1.0),
        seed: int | None = None,
    ) -> "Langevin":
        """Returns the setting with which networks are trained on images.

        A large step with little noise, x <- x - step dE/dx + noise xi, which is
        Langevin dynamics at the temperature noise^2 / (2 step): 1.25e-6 here, next to
        descent. What is learnt is the energy of that sampler and not of exp(-E).

        Source: Du & Mordatch 2019 (https://arxiv.org/abs/1903.08689), section 3 and
        their code.

        Args:
            step_size: Above 0.
            noise: Standard deviation of a step's noise, at least 0.
            clip: Largest size of each component of dE/dx; None does not clip.
            bounds: Lowest and highest value of a point; None: none.
            seed: As for the class.
        """
        if not 0 <= noise < math.inf:
            raise ValueError(
                f"`noise` must be finite and at least 0. Received: {noise}"
            )
        step_size = check_positive("step_size", step_size)
        return cls(step_size, noise**2 / (2 * step_size), clip, bounds, seed)

    def score(self, energy: Energy, x: tf.Tensor) -> tf.Tensor:
        """Returns the direction of a step, `(batch, ...)`."""
        return energy.score(x)

    def step(
        self, energy: Energy, x: tf.Tensor, carry: Any, seed: tf.Tensor
    ) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """Takes one step; all are accepted."""
        score = self.score(energy, x)
        if self.clip is not None:
            score = tf.clip_by_value(score, -self.clip, self.clip)
        x = x + self.step_size * score
        if self.temperature:
            noise = tf.cast(_seeded.normal(tf.shape(x), seed), x.dtype)
            x = x + math.sqrt(2 * self.step_size * self.temperature) * noise
        if self.bounds is not None:
            x = tf.clip_by_value(x, *self.bounds)
        return x, carry, tf.ones([tf.shape(x)[0]])

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "step_size": self.step_size,
            "temperature": self.temperature,
            "clip": self.clip,
            "bounds": self.bounds,
        }
