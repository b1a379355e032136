"""Particles: chains that live on from one step of training to the next."""

import random
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.memory.rows import read_rows, write_rows

# How particles begin, by name: functions of a shape and a seed.
_STARTS = {
    "bits": lambda shape, seed: tf.floor(2 * _seeded.uniform(shape, seed)),
    "uniform": _seeded.uniform,
    "normal": _seeded.normal,
}
_OF_DOMAIN = {"bits": "bits", "reals": "normal"}


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ParticleBuffer(keras.layers.Layer):
    """Points of chains, each in a slot of its own.

    A step of training draws some of them, lets a sampler move them, and writes each
    back to the slot that it came from:

        buffer = kc.memory.ParticleBuffer(1000, [784], domain="bits")
        slots, particles = buffer.draw(100)
        buffer.write(slots, sampler(energy, particles, steps=1))

    A draw takes neighbouring slots from a random one on, around the end: any particle
    as likely as any other, none twice. They are independent chains, so which of them
    stand together says nothing. Draws and writes cost what they take, however many
    particles there are, and are functions of what they are given: replicas that write
    the same global rows keep the same buffer. Under a strategy they are called inside
    its replicas.

    Source: Tieleman 2008, "Training Restricted Boltzmann Machines using Approximations
    to the Likelihood Gradient"; starting some anew: Du & Mordatch 2019
    (https://arxiv.org/abs/1903.08689), section 3.1.

    Args:
        size: Number of particles.
        shape: Of one of them.
        domain: "bits" or "reals", what they are made of.
        start: How they begin: "bits" (fair coins), "uniform" (in [0, 1)) or "normal"
            (of mean 0 and variance 1); None takes "bits" or "normal".
        reinitialise: Probability that a particle begins anew after a write, in [0, 1].
        seed: Of the first particles and of draws without a seed; None draws one.
        **kwargs: `name`.

    Attributes:
        particles: A variable `(size, *shape)` float32.
        ages: Writes since each particle began, a variable `(size,)` int32.

    Raises:
        ValueError: If a number is out of its range or a name is not known.
    """

    def __init__(
        self,
        size: int,
        shape: Sequence[int],
        domain: str = "reals",
        start: str | None = None,
        reinitialise: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        for name, value in (("size", size), *(("shape", x) for x in shape)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(
                    f"`{name}` must be a positive integer, or several as a shape. "
                    f"Received: {value!r}"
                )
        if domain not in _OF_DOMAIN:
            raise ValueError(
                f"`domain` must be one of {', '.join(_OF_DOMAIN)}. Received: {domain!r}"
            )
        start = _OF_DOMAIN[domain] if start is None else start
        if start not in _STARTS or (domain == "bits" and start != "bits"):
            of = "bits" if domain == "bits" else ", ".join(_STARTS)
            raise ValueError(f"`start` must be one of {of}. Received: {start!r}")
        if not 0 <= reinitialise <= 1:
            raise ValueError(
                f"`reinitialise` must be a probability. Received: {reinitialise}"
            )
        self.size = size
        self.shape = shape
        self.domain = domain
        self.start = start
        self.reinitialise = reinitialise
        self.seed = random.randrange(2**31) if seed is None else seed
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        # Of no aggregation: every replica writes the same rows to its own copy.
        options = {"trainable": False, "autocast": False, "aggregation": "none"}
        self.particles = self.add_weight(
            shape=(size, *shape),
            dtype="float32",
            initializer=self._first,
            name="particles",
            **options,
        )
        self.ages = self.add_weight(
            shape=(size,), dtype="int32", initializer="zeros", name="ages", **options
        )
        self.built = True

    def _first(self, shape: Any, dtype: Any = None) -> tf.Tensor:
        seed = np.array([self.seed, -1], np.int64)
        return _STARTS[self.start](list(shape), seed)

    def draw(self, count: int, seed: Any = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws particles, without replacement.

        Args:
            count: How many, from 1 to `size`.
            seed: Two integers that fix the draw; None draws them from the buffer's own
                generator.

        Returns:
            Slots `(count,)` int64, all different, and their particles
            `(count, *shape)` float32.

        Raises:
            ValueError: If there are not as many.
        """
        if not isinstance(count, int) or not 1 <= count <= self.size:
            raise ValueError(
                f"`count` must be an integer from 1 to the {self.size} particles. "
                f"Received: {count!r}"
            )
        first = _seeded.integers([], self._seed(seed, 0), self.size)
        slots = (first + tf.range(count, dtype=tf.int64)) % self.size
        return slots, read_rows(self.particles, slots)

    def write(self, slots: tf.Tensor, particles: tf.Tensor, seed: Any = None) -> None:
        """Writes particles back to where they came from, a step older.

        In the place of those that begin anew fresh ones are written, of age 0.

        Args:
            slots: `(count,)` int64, as `draw` returned them: the global batch's.
            particles: `(count, *shape)`, row i of slot i. A row that is not finite
                leaves its slot as it was.
            seed: Two integers that fix which begin anew, and where; None draws them.

        Raises:
            ValueError: If the shapes do not fit.
        """
        slots = tf.convert_to_tensor(slots)
        particles = tf.convert_to_tensor(particles)
        expected = tf.TensorShape([slots.shape[0], *self.shape])
        if slots.shape.rank != 1 or not particles.shape.is_compatible_with(expected):
            raise ValueError(
                f"`particles` must have shape {expected}, one row a slot. "
                f"Received: {particles.shape} for slots of shape {slots.shape}"
            )
        particles = tf.cast(tf.stop_gradient(particles), tf.float32)
        # Rows are looked at where the sum of all is no number: one pass, not three.
        particles, older = tf.cond(
            tf.math.is_finite(tf.reduce_sum(particles)),
            lambda: (particles, tf.ones_like(slots, self.ages.dtype)),
            lambda: self._mended(slots, particles),
        )
        ages = read_rows(self.ages, slots) + older
        if self.reinitialise:
            shape = tf.shape(particles)
            draw = _seeded.uniform(shape[:1], self._seed(seed, 1))
            anew = draw < self.reinitialise
            fresh = _STARTS[self.start](shape, self._seed(seed, 2))
            column = tf.reshape(anew, [-1] + [1] * len(self.shape))
            particles = tf.where(column, fresh, particles)
            ages = tf.where(anew, 0, ages)
        write_rows(self.particles, slots, particles)
        write_rows(self.ages, slots, ages)

    def _mended(
        self, slots: tf.Tensor, particles: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the rows, old ones in the place of those that are not finite.

        A chain that overflowed would never come back. Also 1 for each row that is
        new, `(count,)`.
        """
        axes = list(range(1, particles.shape.rank))
        finite = tf.reduce_all(tf.math.is_finite(particles), axis=axes, keepdims=True)
        particles = tf.where(finite, particles, read_rows(self.particles, slots))
        return particles, tf.cast(tf.reshape(finite, [-1]), self.ages.dtype)

    def _seed(self, seed: Any, stream: int) -> tf.Tensor:
        if seed is None:
            seed = self.seed_generator.next()
        return _seeded.fold_in(tf.cast(seed, tf.int64), stream)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "name": self.name,
            "size": self.size,
            "shape": self.shape,
            "domain": self.domain,
            "start": self.start,
            "reinitialise": self.reinitialise,
            "seed": self.seed,
        }
