"""One progress bar for a whole run."""

from typing import Any

import keras


class Progress(keras.callbacks.Callback):
    """Shows steps, speed, the time left and the last metrics of a run on one line."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Makes the bar."""
        self._bar = None
        self._done = 0
        self._last: dict[str, float] = {}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Counts from the first epoch of this run, which may be a resumed one."""
        steps = self.params["steps"]
        if self._bar is None and steps:
            left = (self.params["epochs"] - epoch) * steps
            self._bar = keras.utils.Progbar(left, interval=0.2)
        self._last["epoch"] = epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None):
        """Moves the bar."""
        self._done += 1
        # The last step is shown with its epoch's metrics.
        if self._bar is not None and self._done < self._bar.target:
            self._show(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Shows what callbacks before this one have measured."""
        if self._bar is not None:
            self._show(logs, finalize=self._done >= self._bar.target)

    def _show(self, logs: dict[str, Any] | None, finalize: bool = False) -> None:
        # A metric that is measured now and then keeps its last value.
        fresh = {name: float(value) for name, value in (logs or {}).items()}
        self._last |= {name: value for name, value in fresh.items() if value == value}
        values = list(self._last.items())
        self._bar.stateful_metrics = set(self._last)
        self._bar.update(self._done, values=values, finalize=finalize)
