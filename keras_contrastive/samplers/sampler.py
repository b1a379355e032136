"""What a sampler is: a random walk whose steps leave exp(-E) as it is."""

import random
import weakref
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies import Energy
from keras_contrastive.samplers.chain import Chain, Walk
from keras_contrastive.samplers.checks import check_records, checked_seed, checked_steps


class Sampler:
    """A Markov chain over points, one for each row of a batch.

    A subclass implements `step`, and `start` where a step wants what the one before
    has computed. Sampling changes no weight and no statistic, and no gradient flows
    through a sample.

        x = kc.samplers.Langevin(step_size=0.01)(energy, x, steps=100)

    The same `seed` gives the same walk, in a graph, outside of one and under XLA; calls
    without a seed draw from a generator of the sampler's own, which no checkpoint
    holds. Outside of a graph the walk is traced once for each energy, however many
    steps it takes.

    Args:
        seed: Of the generator that serves calls without a seed; None draws one.

    Attributes:
        domain: "bits" or "reals", what it walks on; None for both.
        temperature: T of exp(-E / T), towards which it walks.
    """

    domain: str | None = None
    temperature: float = 1.0

    def __init__(self, seed: int | None = None):
        self.seed = random.randrange(2**31) if seed is None else seed
        self._generator = None
        self._traced = weakref.WeakKeyDictionary()

    def __call__(
        self, energy: Energy, x: tf.Tensor, steps: int | tf.Tensor, seed: Any = None
    ) -> tf.Tensor:
        """Walks.

        Args:
            energy: What it walks on.
            x: Where chains start, `(batch, ...)`.
            steps: At least 0; an integer or an integer scalar.
            seed: Two integers; None draws them.

        Returns:
            Where they have come to, `(batch, ...)` in the energy's dtype.

        Raises:
            TypeError: If `energy` is no energy.
            ValueError: If the sampler does not walk on its points, `x` does not fit
                it, or `steps` is negative.
        """
        return self.walk(energy, x, steps, seed).points

    def walk(
        self, energy: Energy, x: tf.Tensor, steps: int | tf.Tensor, seed: Any = None
    ) -> Walk:
        """Walks, and counts; see `__call__`."""
        x, seed = self._ready(energy, x, seed)
        steps = checked_steps(steps)
        if isinstance(steps, int) and steps == 0:
            return Walk(x, tf.constant(1.0))
        return Walk(*map(tf.stop_gradient, self._run("_walk", energy, x, seed, steps)))

    def chain(
        self,
        energy: Energy,
        x: tf.Tensor,
        steps: int,
        seed: Any = None,
        thin: int = 1,
    ) -> Chain:
        """Walks, and keeps what it passes: the way of a call with the same seed.

        Args:
            energy: What it walks on.
            x: Where chains start, `(batch, ...)`.
            steps: A positive multiple of `thin`.
            seed: Two integers; None draws them.
            thin: Steps from one record to the next; the start is none.

        Returns:
            `steps // thin` records.

        Raises:
            TypeError: If `energy` is no energy.
            ValueError: If a number is out of its range, or as for `__call__`.
        """
        numbers = check_records(steps, thin)
        x, seed = self._ready(energy, x, seed)
        chain = self._run("_chain", energy, x, seed, *numbers)
        return Chain(*map(tf.stop_gradient, chain))

    def check(self, energy: Energy) -> None:
        """Stops at an energy that it cannot walk on.

        Raises:
            TypeError: If it is no energy.
            ValueError: If its points are of another kind.
        """
        if not isinstance(energy, Energy):
            raise TypeError(
                "`energy` must be a `keras_contrastive.energies.Energy`; "
                "`NetworkEnergy` makes one of any Keras network. "
                f"Received: {energy!r}"
            )
        if self.domain not in (None, energy.domain):
            raise ValueError(
                f"`energy` must be over {self.domain}, on which {type(self).__name__} "
                f"walks. Received: {type(energy).__name__} over {energy.domain}"
            )

    def start(self, energy: Energy, x: tf.Tensor) -> Any:
        """Returns what the first step wants to know of its point: a structure."""
        return ()

    def step(
        self, energy: Energy, x: tf.Tensor, carry: Any, seed: tf.Tensor
    ) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """Takes one step.

        Args:
            energy: What it walks on.
            x: Points, `(batch, ...)`.
            carry: What `start` or the step before returned.
            seed: Two integers of this step alone.

        Returns:
            The new points, what the next step is to know of them, and whether each
            chain accepted, `(batch,)` float32.
        """
        raise NotImplementedError

    def energies(self, energy: Energy, x: tf.Tensor, carry: Any) -> tf.Tensor:
        """Returns the points' energies, `(batch,)`, for a record of a chain."""
        return energy(x)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Sampler":
        """Rebuilds the sampler."""
        return cls(**config)

    def _ready(self, energy: Energy, x: Any, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        self.check(energy)
        if seed is None:
            if self._generator is None:
                # Outside of the graph that may be in the making.
                with tf.init_scope():
                    self._generator = keras.random.SeedGenerator(self.seed)
            seed = self._generator.next()
        return tf.stop_gradient(energy.points(x)), checked_seed(seed)

    def _run(self, method: str, energy: Energy, x: tf.Tensor, *numbers: Any) -> Any:
        """Calls a method of this class, by its graph unless one is in the making."""
        if not tf.executing_eagerly():
            return getattr(self, method)(energy, x, *numbers)
        # All that a graph has for good; an own one for each.
        fixed = method, repr(self.get_config()), x.dtype, tuple(x.shape[1:])
        graphs = self._traced.setdefault(energy, {})
        if fixed not in graphs:
            # An energy that its own value here held would never be let go.
            held = weakref.proxy(energy)
            graphs[fixed] = tf.function(
                lambda *arguments: getattr(self, method)(held, *arguments),
                autograph=False,
                reduce_retracing=True,
            )
        return graphs[fixed](x, *map(tf.convert_to_tensor, numbers))

    def _walk(self, energy: Energy, x: tf.Tensor, seed: tf.Tensor, steps: Any) -> Any:
        def add(accepted, step, share):
            return accepted + share

        state = x, self.start(energy, x), tf.constant(0.0)
        x, _, accepted = self._advance(energy, state, 0, steps, seed, add)
        count = tf.cast(steps, tf.float32)
        return x, tf.where(count > 0, accepted / tf.maximum(count, 1), 1.0)

    def _chain(
        self, energy: Energy, x: tf.Tensor, seed: tf.Tensor, records: Any, thin: Any
    ) -> Any:
        samples = tf.TensorArray(x.dtype, records, element_shape=x.shape)
        energies = tf.TensorArray(x.dtype, records, element_shape=x.shape[:1])
        shares = tf.TensorArray(tf.float32, records * thin, element_shape=[])

        def body(record, state, samples, energies):
            first = record * thin
            last = first + thin
            state = self._advance(
                energy, state, first, last, seed, tf.TensorArray.write
            )
            x, carry, _ = state
            samples = samples.write(record, x)
            energies = energies.write(record, self.energies(energy, x, carry))
            return record + 1, state, samples, energies

        state = x, self.start(energy, x), shares
        _, (_, _, shares), samples, energies = tf.while_loop(
            lambda record, *_: record < records,
            body,
            (tf.constant(0), state, samples, energies),
            parallel_iterations=1,
        )
        return samples.stack(), energies.stack(), shares.stack()

    def _advance(
        self,
        energy: Energy,
        state: Any,
        first: Any,
        last: Any,
        seed: tf.Tensor,
        note: Callable[[Any, tf.Tensor, tf.Tensor], Any],
    ) -> Any:
        """Steps from number `first` to before `last`, each with a seed of its own."""

        def body(step, state):
            x, carry, noted = state
            own = _seeded.fold_in(seed, tf.cast(step, tf.int64))
            moved, carry, accepted = self.step(energy, x, carry, own)
            # Shapes are part of a loop's signature.
            moved = tf.ensure_shape(moved, x.shape)
            return step + 1, (moved, carry, note(noted, step, tf.reduce_mean(accepted)))

        if isinstance(last, int) and last - first == 1:
            # One step, as contrastive divergence often takes, needs no loop.
            return body(first, state)[1]
        _, state = tf.while_loop(
            lambda step, _: step < last,
            body,
            (tf.convert_to_tensor(first), state),
            # The next step's random numbers are drawn while this one is taken.
            parallel_iterations=2,
        )
        return state
