"""Persistent contrastive divergence: chains that never start again."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute import all_gather, replica_count, replica_index
from keras_contrastive.energies import Energy
from keras_contrastive.memory import ParticleBuffer
from keras_contrastive.memory.rows import read_rows
from keras_contrastive.models.sampled import SampledModel
from keras_contrastive.samplers import Sampler


@keras.saving.register_keras_serializable(package="keras_contrastive")
class PersistentContrastiveDivergence(SampledModel):
    """Pushes the energy up at particles, which walk on from step to step.

        particles <- k steps of the sampler from particles
        loss = mean E(x+) - mean E(sg[particles])

    While the energy changes slowly, the particles are samples of the model, and the
    gradient that of maximum likelihood. Each update moves as many particles as the
    batch has points, or all of them if they are fewer. Replicas move different ones.

    Source: Tieleman 2008, "Training Restricted Boltzmann Machines using Approximations
    to the Likelihood Gradient"; as stochastic approximation: Younes 1989; with
    networks: Du & Mordatch 2019 (https://arxiv.org/abs/1903.08689).

    Args:
        energy: What is trained.
        sampler: Moves the particles; over the energy's points.
        steps: k, at least 0.
        particles: Their number.
        reinitialise: Probability that a particle begins anew after a step, in [0, 1].
        start: How particles begin: "bits", "uniform" in [0, 1), or "normal"; None
            takes "bits" or "normal".
        contrast: As of `ContrastiveDivergence`; all but "difference" want as many
            particles as the batch has points, at least.
        margin: As of `ContrastiveDivergence`.
        energy_regularisation: alpha of `alpha mean(E+^2 + E-^2)`, at least 0.
        clip_norm: See `EnergyModel`.
        seed: Seed of particles and chains; None draws one.
        **kwargs: `name`.

    Attributes:
        buffer: The particles, a `kc.memory.ParticleBuffer`.

    Raises:
        TypeError: If `energy` or `sampler` is not one.
        ValueError: If the energy does not say what shape its points have, the sampler
            does not walk on them, or a number is out of its range.
    """

    def __init__(
        self,
        energy: Energy,
        sampler: Sampler,
        steps: int = 1,
        particles: int = 100,
        reinitialise: float = 0.0,
        start: str | None = None,
        contrast: str = "difference",
        margin: float = 1.0,
        energy_regularisation: float = 0.0,
        clip_norm: float | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            energy,
            sampler,
            steps,
            contrast,
            margin,
            energy_regularisation,
            clip_norm,
            seed,
            **kwargs,
        )
        if energy.event_shape is None:
            raise ValueError(
                "`energy` must have an `event_shape`, which particles are made in. "
                f"Received: {type(energy).__name__} without one"
            )
        if not isinstance(particles, int) or isinstance(particles, bool):
            raise ValueError(
                f"`particles` must be a positive integer. Received: {particles!r}"
            )
        if particles < replica_count():
            raise ValueError(
                f"`particles` must be at least one for each of the {replica_count()} "
                f"replicas. Received: {particles}"
            )
        self.buffer = ParticleBuffer(
            particles, energy.event_shape, energy.domain, start, reinitialise, self.seed
        )

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Moves particles, contrasts them with the data, and puts them back."""
        x = self.points(data)
        seed = self.seed_of(self.step)
        slots, everyone = self.buffer.draw(self.drawn(x), seed)
        # Each replica moves its own share of what all of them have drawn.
        share = everyone.shape[0] // replica_count()
        particles = everyone[replica_index() * share :][:share]
        particles, acceptance = self.sampler.walk(
            self.energy, particles, self.steps, seed=self.own(seed)
        )
        check = self.learn(lambda: self.push(x, particles))
        with tf.control_dependencies([check] if check is not None else []):
            self.buffer.write(slots, all_gather(tf.identity(particles)), seed)
        self.acceptance.update_state(acceptance)
        return self.results()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Contrasts data with the particles where they stand."""
        x = self.points(data)
        count = self.drawn(x) // replica_count()
        slots = replica_index() * count + tf.range(count)
        particles = read_rows(self.buffer.particles, slots)
        self.loss_mean.update_state(self.push(x, particles))
        return self.results()

    def drawn(self, x: tf.Tensor) -> int:
        """Returns how many particles a step of this batch moves, over all replicas.

        Raises:
            ValueError: If a contrast in pairs has too few of them.
        """
        replicas = replica_count()
        most = self.buffer.size // replicas * replicas
        # Of a batch of no fixed size only the mean is taken: all particles serve it.
        count = min((x.shape[0] or most) * replicas, most)
        if self.contrast != "difference" and count != (x.shape[0] or -1) * replicas:
            raise ValueError(
                f"`particles` must be at least a batch of them, and its size be fixed, "
                f"for contrast={self.contrast!r}. Received: {self.buffer.size} for "
                f"batches of {x.shape[0]}"
            )
        return count

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "particles": self.buffer.size,
            "reinitialise": self.buffer.reinitialise,
            "start": self.buffer.start,
        }
