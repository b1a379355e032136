"""The part of `fit` that Keras lacks under several replicas and several machines."""

from typing import Any

import tensorflow as tf

from keras_contrastive._untuned import untuned
from keras_contrastive.distribute.filled import filled, is_filled
from keras_contrastive.distribute.step_function import StepFunction


class DistributedTrainer:
    """Mixin for a Keras Model: `fit`, `evaluate` and `predict` under every strategy.

    Keras 3.15 prepares a distributed model by averaging a batch over the replicas and
    running it symbolically, which fails for dictionaries and under
    MultiWorkerMirroredStrategy, and reads logs by a rule that fails there too. A model
    that is complete once it is constructed needs neither: its steps run on every
    replica, and each log is the mean over the replicas. `steps_per_execution` of
    `compile` is how many of them a call runs.
    """

    _steps: int | None = None
    _batches_done = 0

    def begin_within_epoch(self, batches: int) -> None:
        """Makes the next `fit` begin behind the first batches of an epoch.

        Args:
            batches: How many are done, at least 0.

        Raises:
            ValueError: If that is not a number of batches.
        """
        if not isinstance(batches, int) or batches < 0:
            raise ValueError(
                f"`initial_batch` must be an integer from 0. Received: {batches!r}"
            )
        self._batches_done = batches

    @property
    def begun_within_epoch(self) -> bool:
        """Whether the current `fit` began behind the first batches of an epoch."""
        return self._batches_done > 0

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None):
        """Builds nothing: the model built itself in the strategy's scope.

        Overrides a private method of Keras 3.15, which hands over what says how many
        batches there are.
        """
        self._steps = 1 if iterator is None else iterator.num_batches
        # Of arrays Keras makes the dataset itself.
        made = getattr(iterator, "_distributed_dataset", None)
        if isinstance(made, tf.data.Dataset):
            iterator._distributed_dataset = untuned(made)

    def make_train_function(self, force: bool = False) -> StepFunction:
        """Returns the function that takes training steps from an iterator."""
        if self.train_function is None or force:
            self.train_function = self._step_function(self.train_step)
        self.train_function.start(self._steps, self._batches_done)
        return self.train_function

    def make_test_function(self, force: bool = False) -> StepFunction:
        """Returns the function that takes evaluation steps from an iterator."""
        if self.test_function is None or force:
            self.test_function = self._step_function(self.test_step)
        self.test_function.start(self._steps)
        return self.test_function

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Returns outputs for all rows, on every process; see `keras.Model.predict`."""
        options = {"verbose": verbose, "steps": steps, "callbacks": callbacks}
        if isinstance(x, tf.data.Dataset):
            x = untuned(x)
        replicas = self.distribute_strategy.num_replicas_in_sync
        if replicas == 1:
            return super().predict(x, batch_size=batch_size, **options)
        # Of a short batch some replicas would get no row, which Keras cannot do.
        outputs, kept = super().predict(filled(x, batch_size, replicas), **options)
        return tf.nest.map_structure(lambda rows: rows[kept > 0], outputs)

    def predict_step(self, data: Any) -> Any:
        """Returns a replica's outputs, and which of them are of rows that were given.

        (The latter under several replicas alone.)
        """
        if not is_filled(data):
            return super().predict_step(data)
        rows, kept = data.values()
        return super().predict_step((rows,)), kept

    def _step_function(self, step: Any) -> StepFunction:
        return StepFunction(
            step,
            self.distribute_strategy,
            self.steps_per_execution,
            self.run_eagerly,
            self.jit_compile,
        )
