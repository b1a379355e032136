"""What contrastive divergence and its persistent form share."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.energies import Energy
from keras_contrastive.losses.contrast import check_contrast, contrast
from keras_contrastive.models.energy_model import EnergyModel
from keras_contrastive.samplers import Sampler


class SampledModel(EnergyModel):
    """A model that pushes the energy up where a sampler has come to.

    Args:
        energy: What is trained.
        sampler: Makes the negatives.
        steps: Steps of the sampler for each update, at least 0.
        contrast: How the two energies make a loss: "difference", "margin", "softplus"
            or "square_square"; see `kc.losses.contrast`.
        margin: Of "margin" and "square_square", above 0.
        energy_regularisation: alpha of `alpha mean(E+^2 + E-^2)`, at least 0, which
            keeps a network's energies near 0, where nothing else does.
        clip_norm: See `EnergyModel`.
        seed: Seed of the chains; None draws one.
        **kwargs: `name`.

    Raises:
        TypeError: If `sampler` is no sampler.
        ValueError: If the sampler does not walk on the energy's points, or a number is
            out of its range.
    """

    def __init__(
        self,
        energy: Energy,
        sampler: Sampler,
        steps: int = 1,
        contrast: str = "difference",
        margin: float = 1.0,
        energy_regularisation: float = 0.0,
        clip_norm: float | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(energy, clip_norm, seed, **kwargs)
        if not isinstance(sampler, Sampler):
            raise TypeError(
                "`sampler` must be a sampler, such as `kc.samplers.Langevin(0.01)`. "
                f"Received: {sampler!r}"
            )
        sampler.check(energy)
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
            raise ValueError(f"`steps` must be an integer from 0. Received: {steps!r}")
        if not 0 <= energy_regularisation < float("inf"):
            raise ValueError(
                "`energy_regularisation` must be finite and at least 0. "
                f"Received: {energy_regularisation}"
            )
        self.sampler = sampler
        self.steps = steps
        self.contrast = check_contrast(contrast, margin, "contrast")
        self.margin = margin
        self.energy_regularisation = energy_regularisation
        self.data_energy = keras.metrics.Mean(name="data_energy")
        self.sample_energy = keras.metrics.Mean(name="sample_energy")
        self.acceptance = keras.metrics.Mean(name="acceptance")

    def push(self, x: tf.Tensor, negatives: tf.Tensor) -> tf.Tensor:
        """Returns this replica's mean loss; records the metrics.

        Args:
            x: Data, `(batch, ...)`.
            negatives: What the sampler made, `(negatives, ...)`; as many as data,
                unless the contrast is the difference.
        """
        sizes = [tf.shape(x)[0], tf.shape(negatives)[0]]
        # Of one evaluation: its gradient is then one product, not two.
        energies = self.energy(tf.concat([x, tf.stop_gradient(negatives)], axis=0))
        data, samples = tf.split(energies, sizes)
        self.data_energy.update_state(data)
        self.sample_energy.update_state(samples)
        if self.contrast == "difference":
            loss = tf.reduce_mean(data) - tf.reduce_mean(samples)
        else:
            loss = tf.reduce_mean(contrast(data, samples, self.contrast, self.margin))
        if self.energy_regularisation:
            squares = tf.reduce_mean(data**2) + tf.reduce_mean(samples**2)
            loss += self.energy_regularisation * squares
        return loss

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "sampler": keras.saving.serialize_keras_object(self.sampler),
            "steps": self.steps,
            "contrast": self.contrast,
            "margin": self.margin,
            "energy_regularisation": self.energy_regularisation,
        }
