"""Noise contrastive estimation: data told from noise whose density is known."""

import math
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute import replica_count, replica_index
from keras_contrastive.energies import Energy
from keras_contrastive.losses.noise_contrastive import noise_contrastive
from keras_contrastive.models.energy_model import EnergyModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class NoiseContrastiveEstimation(EnergyModel):
    """Learns an energy, and its log Z, by telling data from noise.

    With G(x) = -E(x) + c - log p_noise(x) and nu noise points a data point,

        loss = E_data softplus(-(G - log nu)) + nu E_noise softplus(G - log nu)

    c is learnt and becomes -log Z. The nearer the noise is to the data, and the more
    of it there is, the better.

    Source: Gutmann & Hyvarinen 2012, "Noise-Contrastive Estimation of Unnormalized
    Statistical Models".

    Args:
        energy: Over bits or reals.
        noise: Has `sample(count, seed)`, `(count, ...)`, and `log_prob(x)`, `(count,)`,
            such as `kc.energies.Gaussian`, `Uniform` or `Bernoulli`; Keras-serialisable
            if the model is to be saved. Some of it everywhere where data are.
        ratio: nu, at least 1.
        clip_norm: See `EnergyModel`.
        seed: Seed of the noise; None draws one.
        **kwargs: `name`.

    Attributes:
        log_constant: c, a scalar variable.

    Raises:
        TypeError: If the noise cannot be drawn from or has no density.
        ValueError: If `ratio` is not a positive integer, or the noise is over other
            points than the energy.
    """

    def __init__(
        self,
        energy: Energy,
        noise: Any,
        ratio: int = 1,
        clip_norm: float | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(energy, clip_norm, seed, **kwargs)
        lacking = [x for x in ("sample", "log_prob") if not hasattr(noise, x)]
        if lacking:
            raise TypeError(
                "`noise` must have sample(count, seed) and log_prob(x), as the "
                "densities in `kc.energies` have. "
                f"Received: {noise!r} without {' and '.join(lacking)}"
            )
        domain = getattr(noise, "domain", energy.domain)
        shape = getattr(noise, "event_shape", energy.event_shape)
        if not isinstance(domain, str):
            domain = energy.domain
        if domain != energy.domain or (
            None not in (shape, energy.event_shape)
            and (tuple(shape) != tuple(energy.event_shape))
        ):
            raise ValueError(
                f"`noise` must be over {energy.domain} of shape {energy.event_shape}, "
                f"as the energy is. Received: {domain} of shape {shape}"
            )
        if not isinstance(ratio, int) or isinstance(ratio, bool) or ratio < 1:
            raise ValueError(f"`ratio` must be a positive integer. Received: {ratio!r}")
        self.noise = noise
        self.ratio = ratio
        self.log_constant = self.add_weight(
            shape=(),
            initializer="zeros",
            dtype=energy.compute_dtype,
            autocast=False,
            name="log_constant",
        )
        self.data_energy = keras.metrics.Mean(name="data_energy")
        self.noise_energy = keras.metrics.Mean(name="sample_energy")
        self.accuracy = keras.metrics.Mean(name="noise_accuracy")

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Tells the data from fresh noise."""
        x = self.points(data)
        noise = self.draw(x, self.step)
        self.learn(lambda: self.contrast(x, noise))
        return self.results()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Computes the loss and the metrics."""
        x = self.points(data)
        self.loss_mean.update_state(self.contrast(x, self.draw(x, step=-1)))
        return self.results()

    def draw(self, x: tf.Tensor, step: tf.Tensor | int) -> tf.Tensor:
        """Returns this replica's noise, `(ratio * batch, ...)`.

        Drawn for the global batch, so that it is the same however many share it.
        """
        count = self.ratio * (x.shape[0] or tf.shape(x)[0])
        noise = self.noise.sample(count * replica_count(), seed=self.seed_of(step))
        own = noise[replica_index() * count :][:count]
        return tf.stop_gradient(tf.cast(own, x.dtype))

    def contrast(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Returns this replica's mean loss; records the metrics."""
        energies = self.energy(tf.concat([x, noise], axis=0))
        densities = self.noise.log_prob(tf.concat([x, noise], axis=0))
        # G, of the data and of the noise
        ratios = self.log_constant - energies - tf.cast(densities, energies.dtype)
        sizes = [tf.shape(x)[0], tf.shape(noise)[0]]
        data_ratios, noise_ratios = tf.split(ratios, sizes)
        data_energies, noise_energies = tf.split(energies, sizes)
        log_nu = math.log(self.ratio)
        right = tf.concat([data_ratios > log_nu, noise_ratios < log_nu], axis=0)
        self.accuracy.update_state(tf.cast(right, tf.float32))
        self.data_energy.update_state(data_energies)
        self.noise_energy.update_state(noise_energies)
        losses = noise_contrastive(data_ratios, noise_ratios, self.ratio)
        return tf.reduce_mean(losses)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "noise": keras.saving.serialize_keras_object(self.noise),
            "ratio": self.ratio,
        }
