"""What a sampler is: a random walk whose steps leave exp(-E) as it is."""

import random
import weakref
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies import Energy


class Walk(NamedTuple):
    """Where chains have come to.

    Attributes:
        points: `(batch, ...)`.
        acceptance: Share of the proposals that were accepted, a float32 scalar; 1 for
            samplers that propose nothing.
    """

    points: tf.Tensor
    acceptance: tf.Tensor


class Chain(NamedTuple):
    """What chains passed on their way.

    Attributes:
        samples: Points, `(records, batch, ...)`.
        energies: Their energies, `(records, batch)`.
        acceptance: Share of the proposals that were accepted before each record,
            `(records,)` float32.
    """

    samples: tf.Tensor
    energies: tf.Tensor
    acceptance: tf.Tensor


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
        steps = _checked_steps(steps)
        if tf.executing_eagerly():
            if energy not in self._traced:
                # The energy is held by the function that is its own value here.
                held = weakref.proxy(energy)
                self._traced[energy] = tf.function(
                    lambda *walk: self._walk(held, *walk),
                    autograph=False,
                    reduce_retracing=True,
                )
            steps = tf.convert_to_tensor(steps, tf.int32)
            walk = self._traced[energy](x, steps, seed)
        else:
            walk = self._walk(energy, x, steps, seed)
        return Walk(*map(tf.stop_gradient, walk))

    def chain(
        self,
        energy: Energy,
        x: tf.Tensor,
        steps: int,
        seed: Any = None,
        thin: int = 1,
    ) -> Chain:
        """Walks, and keeps what it passes.

        Args:
            energy: What it walks on.
            x: Where chains start, `(batch, ...)`.
            steps: A multiple of `thin`.
            seed: Two integers; None draws them.
            thin: Steps from one record to the next; the start is none.

        Returns:
            `steps // thin` records.

        Raises:
            TypeError: If `energy` is no energy.
            ValueError: If a number is out of its range, or as for `__call__`.
        """
        if not isinstance(thin, int) or thin < 1:
            raise ValueError(f"`thin` must be a positive integer. Received: {thin!r}")
        if not isinstance(steps, int) or steps < thin or steps % thin:
            raise ValueError(
                f"`steps` must be a positive multiple of thin={thin}. "
                f"Received: {steps!r}"
            )
        x, seed = self._ready(energy, x, seed)
        chain = tf.function(self._chain, autograph=False)(energy, x, steps, seed, thin)
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
        x = tf.stop_gradient(energy.points(x))
        return x, tf.cast(tf.convert_to_tensor(seed), tf.int64)

    def _walk(self, energy: Energy, x: tf.Tensor, steps: Any, seed: tf.Tensor) -> Walk:
        if isinstance(steps, int) and steps == 0:
            return Walk(x, tf.constant(1.0))

        def body(step, x, carry, accepted):
            own = _seeded.fold_in(seed, tf.cast(step, tf.int64))
            moved, carry, share = self.step(energy, x, carry, own)
            # Shapes are part of a loop's signature.
            moved = tf.ensure_shape(moved, x.shape)
            return step + 1, moved, carry, accepted + tf.reduce_mean(share)

        state = (tf.constant(0), x, self.start(energy, x), tf.constant(0.0))
        _, x, _, accepted = tf.while_loop(
            lambda step, *_: step < steps,
            body,
            state,
            parallel_iterations=1,
            maximum_iterations=steps if isinstance(steps, int) else None,
        )
        count = tf.cast(steps, tf.float32)
        acceptance = tf.where(count > 0, accepted / tf.maximum(count, 1), 1.0)
        return Walk(x, acceptance)

    def _chain(
        self, energy: Energy, x: tf.Tensor, steps: int, seed: tf.Tensor, thin: int
    ) -> Chain:
        records = steps // thin
        samples = tf.TensorArray(x.dtype, records, element_shape=x.shape)
        shares = tf.TensorArray(tf.float32, records, element_shape=[])

        def body(record, x, samples, shares):
            own = _seeded.fold_in(seed, tf.cast(record, tf.int64))
            x, share = self._walk(energy, x, thin, own)
            return record + 1, x, samples.write(record, x), shares.write(record, share)

        _, _, samples, shares = tf.while_loop(
            lambda record, *_: record < records,
            body,
            (tf.constant(0), x, samples, shares),
            parallel_iterations=1,
            maximum_iterations=records,
        )
        samples = samples.stack()
        shape = tf.shape(samples)
        # One record at a time: all at once may be more than a network can hold.
        energies = tf.map_fn(energy, samples, fn_output_signature=x.dtype)
        energies = tf.reshape(energies, shape[:2])
        return Chain(samples, energies, shares.stack())


def _checked_steps(steps: Any) -> Any:
    if isinstance(steps, tf.Tensor | tf.Variable | keras.Variable):
        return steps
    try:
        whole = int(steps) == steps and not isinstance(steps, bool)
    except (TypeError, ValueError):
        whole = False
    if not whole or steps < 0:
        raise ValueError(f"`steps` must be an integer from 0. Received: {steps!r}")
    return int(steps)
