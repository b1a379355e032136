"""The chain of a denoising autoencoder: damage, mend, damage, mend."""

import inspect
import math
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies import AutoencoderEnergy, Energy
from keras_contrastive.samplers.denoising_langevin import check_reconstructs
from keras_contrastive.samplers.sampler import Sampler

DRAWS = ("mean", "gaussian", "bernoulli")


@keras.saving.register_keras_serializable(package="keras_contrastive")
class WalkBack(Sampler):
    """Samples from a denoising autoencoder by its own corruption.

        x~ ~ corruption(x),    x <- a draw of p(x | x~) around r(x~)

    With the true p(x | x~) it is stationary at the data's own density. A Gaussian one
    of fixed deviation, or independent bits, are what an autoencoder has been trained to
    believe; the bare mean makes a walk that stays too near to the modes.

    Source: Bengio et al. 2013 (https://arxiv.org/abs/1305.6663), algorithm 1 without
    its training.

    Args:
        corruption: One of `kc.augment`'s, called with a seed, such as
            `kc.augment.GaussianNoise(0.5)`: the one that was trained with.
        draw: "mean", "gaussian" with the deviation `stddev`, or "bernoulli" for bits.
        stddev: Of the Gaussian draw, at least 0; the root of the mean squared error a
            number is the likeliest.
        seed: Of the generator that serves calls without a seed; None draws one.

    Raises:
        TypeError: If the corruption takes no seed.
        ValueError: If `draw` is not known or `stddev` is negative.
    """

    domain = "reals"

    def __init__(
        self,
        corruption: keras.layers.Layer,
        draw: str = "mean",
        stddev: float = 0.0,
        seed: int | None = None,
    ):
        super().__init__(seed)
        call = getattr(corruption, "call", None)
        if call is None or "seed" not in inspect.signature(call).parameters:
            raise TypeError(
                "`corruption` must be a layer that is called with a seed, such as "
                f"`kc.augment.GaussianNoise(0.5)`. Received: {corruption!r}"
            )
        if draw not in DRAWS:
            raise ValueError(f"`draw` must be one of {DRAWS}. Received: {draw!r}")
        if not 0 <= stddev < math.inf:
            raise ValueError(
                f"`stddev` must be finite and at least 0. Received: {stddev}"
            )
        self.corruption = corruption
        self.draw = draw
        self.stddev = stddev

    def check(self, energy: Energy) -> None:
        """Stops at an energy without a reconstruction; see `Sampler`."""
        super().check(energy)
        check_reconstructs(energy)

    def step(
        self, energy: AutoencoderEnergy, x: tf.Tensor, carry: Any, seed: tf.Tensor
    ) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """Takes one step; all are accepted."""
        damaged = self.corruption(x, seed=_seeded.fold_in(seed, 0))
        x = energy.reconstruct(tf.cast(damaged, x.dtype))
        own = _seeded.fold_in(seed, 1)
        if self.draw == "gaussian":
            noise = tf.cast(_seeded.normal(tf.shape(x), own), x.dtype)
            x = x + self.stddev * noise
        elif self.draw == "bernoulli":
            x = tf.cast(
                _seeded.uniform(tf.shape(x), own) < tf.cast(x, tf.float32), x.dtype
            )
        return x, carry, tf.ones([tf.shape(x)[0]])

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "corruption": keras.saving.serialize_keras_object(self.corruption),
            "draw": self.draw,
            "stddev": self.stddev,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WalkBack":
        """Rebuilds the sampler and its corruption."""
        corruption = keras.saving.deserialize_keras_object(config["corruption"])
        return cls(**{**config, "corruption": corruption})
