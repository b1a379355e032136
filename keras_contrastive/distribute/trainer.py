"""The part of `fit` that Keras lacks under several replicas and several machines."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


class DistributedTrainer:
    """Mixin for a Keras Model: `fit` and `evaluate` under every strategy.

    Keras 3.15 prepares a distributed model by averaging a batch over the replicas and
    running it symbolically, which fails for dictionaries and under
    MultiWorkerMirroredStrategy, and reads logs by a rule that fails there too. A model
    that is complete once it is constructed needs neither: its steps run on every
    replica, and each log is the mean over the replicas.
    """

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None):
        """Does nothing: the model built itself in the strategy's scope.

        Overrides a private method of Keras 3.15.
        """

    def make_train_function(self, force: bool = False) -> Callable:
        """Returns the function that takes one training step from an iterator."""
        if self.train_function is None or force:
            self.train_function = self._make_step_function(self.train_step)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Callable:
        """Returns the function that takes one evaluation step from an iterator."""
        if self.test_function is None or force:
            self.test_function = self._make_step_function(self.test_step)
        return self.test_function

    def _make_step_function(self, step: Callable) -> Callable:
        strategy = self.distribute_strategy

        def on_all_replicas(batch: Any) -> dict[str, tf.Tensor]:
            logs = strategy.run(step, args=(batch,))
            return {
                name: strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None)
                for name, value in logs.items()
            }

        if not self.run_eagerly:
            on_all_replicas = tf.function(
                tf.autograph.experimental.do_not_convert(on_all_replicas),
                reduce_retracing=True,
                jit_compile=self.jit_compile,
            )
        return lambda iterator: on_all_replicas(next(iterator))
