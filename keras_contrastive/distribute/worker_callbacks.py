"""What becomes of the callbacks of `fit` where several processes train together."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute.workers import Workers, is_chief, several_workers

_WRITERS = (keras.callbacks.CSVLogger, keras.callbacks.TensorBoard)


def worker_callbacks(callbacks: Any, strategy: tf.distribute.Strategy) -> Any:
    """Returns the callbacks that this process runs.

    The chief runs all of them. Others leave out those that only write down what the
    logs say. What saves the model stays, since saving reads what is spread over all
    workers. All stop after the epoch in which a callback of one stops.

    Args:
        callbacks: As `fit` takes them.
        strategy: Of the run.
    """
    single = isinstance(callbacks, keras.callbacks.Callback)
    if not several_workers(strategy) or isinstance(
        callbacks, keras.callbacks.CallbackList
    ):
        return callbacks
    kept = [callbacks] if single else list(callbacks or [])
    if not is_chief(strategy):
        kept = [callback for callback in kept if not isinstance(callback, _WRITERS)]
    return [*kept, _StopTogether()]


class _StopTogether(keras.callbacks.Callback):
    """Ends the training of all workers where a callback of one ended it.

    One that stops alone, by its own clock or by a callback that the others lack, would
    leave them waiting for it in the next step. Has to come last.
    """

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._workers = Workers(self.model.distribute_strategy)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.stop_training = self._workers.any(self.model.stop_training)
