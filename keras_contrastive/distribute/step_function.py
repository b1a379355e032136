"""One call of `fit`'s inner loop: a number of steps on all replicas."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

_GRAPH_ITERATORS = (tf.data.Iterator, tf.distribute.DistributedIterator)


class StepFunction:
    """Takes batches from an iterator and runs a step on each, on every replica.

    Several steps a call spare the way through Python between them: the loop is in the
    graph. (Keras's own `steps_per_execution` fails under several replicas, and runs
    over the end of an epoch that its number does not divide.)

    Args:
        step: Takes a replica's batch, returns its logs: scalars by name.
        strategy: Where it runs.
        steps_per_call: Steps of one call, unless the epoch ends before.
        eager: Whether Python runs each step, for debugging.
        jit_compile: Whether XLA compiles a step.
    """

    def __init__(
        self,
        step: Callable[[Any], dict[str, tf.Tensor]],
        strategy: tf.distribute.Strategy,
        steps_per_call: int,
        eager: bool,
        jit_compile: bool,
    ):
        self.steps_per_call = steps_per_call
        self._one = self._many = self._on_all_replicas(step, strategy)
        self._eager = eager
        if not eager:
            self._one = tf.function(
                tf.autograph.experimental.do_not_convert(self._one),
                reduce_retracing=True,
                jit_compile=jit_compile,
            )
            self._many = tf.function(
                tf.autograph.experimental.do_not_convert(self._loop),
                reduce_retracing=True,
            )
            self._next = tf.function(
                tf.autograph.experimental.do_not_convert(
                    lambda iterator: self._one(iterator.get_next())
                ),
                reduce_retracing=True,
            )
        self.start(None)

    def start(self, steps: int | None, taken: int = 0) -> None:
        """Begins an epoch, or an evaluation.

        Args:
            steps: How many steps it and those after it have; None where nobody knows.
            taken: How many of them a run that was cut off has taken; they are passed
                over, without a batch.
        """
        self._steps = steps
        self._done = 0
        self._taken = taken

    def __call__(self, iterator: Any) -> dict[str, tf.Tensor]:
        """Runs the steps of a call; returns the logs of the last, replicas' means."""
        count = self.steps_per_call
        if self._steps:
            count = min(count, self._steps - self._done)
            self._done = (self._done + count) % self._steps
        passed = min(self._taken, count)
        self._taken -= passed
        count -= passed
        if count == 0:
            return {}
        if count == 1 and self.steps_per_call == 1:
            # Past the end of its data the graph would break the collectives for good,
            # so the number of steps has to be known.
            if self._eager or not self._steps or not _is_of_fixed_sizes(iterator):
                return self._one(next(iterator))
            return self._next(iterator)
        if self._eager or not isinstance(iterator, _GRAPH_ITERATORS):
            for _ in range(count):
                logs = self._one(next(iterator))
            return logs
        return self._many(iterator, tf.constant(count))

    def _loop(self, iterator: Any, count: tf.Tensor) -> dict[str, tf.Tensor]:
        # The first stands before the loop, to say what its logs look like; it is the
        # same function, and traced once.
        logs = self._one(iterator.get_next())
        _, logs = tf.while_loop(
            lambda index, logs: index < count,
            lambda index, logs: (index + 1, self._one(iterator.get_next())),
            (tf.constant(1), logs),
            parallel_iterations=1,
        )
        return logs

    @staticmethod
    def _on_all_replicas(step: Callable, strategy: tf.distribute.Strategy) -> Callable:
        if strategy.num_replicas_in_sync == 1:
            return lambda batch: strategy.run(step, args=(batch,))

        def on_all_replicas(batch: Any) -> dict[str, tf.Tensor]:
            names = []

            def packed(batch: Any) -> tf.Tensor:
                logs = step(batch)
                names[:] = logs
                return tf.stack([tf.cast(value, tf.float32) for value in logs.values()])

            # One reduction for all logs: over a network each would cost its latency.
            values = strategy.run(packed, args=(batch,))
            values = strategy.reduce(tf.distribute.ReduceOp.MEAN, values, axis=None)
            return dict(zip(names, tf.unstack(values, len(names)), strict=True))

        return on_all_replicas


def _is_of_fixed_sizes(iterator: Any) -> bool:
    """Whether it gives several replicas batches whose shapes are known.

    Its `next` is some ten calls from Python, which the graph does in one. (Of shapes
    that are not known a step would learn nothing in the graph.)
    """
    if not isinstance(iterator, tf.distribute.DistributedIterator):
        return False
    specifications = tf.nest.flatten(iterator.element_spec, expand_composites=True)
    return all(x.shape.is_fully_defined() for x in specifications)
