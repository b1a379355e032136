"""What the monitors of a trunk share: when they measure, and in which mode."""

from typing import Any

import keras

from keras_contrastive.evaluation.features import FeatureExtractor


class FeatureMonitor(keras.callbacks.Callback):
    """Measures the trunk's features at the end of epochs, for their logs.

    It measures after the first epoch of a `fit`, after each `every`-th and after the
    last. On the epochs between it writes NaN: an old number would pass for a new
    one, and without any number `CSVLogger` would leave the column out. The first
    epoch counts because `EarlyStopping` takes the first number as its best, and
    nothing improves on NaN.

    Args:
        names: The keys that `measured` returns.
        every: Epochs between measurements, at least 1.
        batch_size: Images a batch, for data that is not in batches yet.
        image_size: Side in pixels to resize the images to; None leaves them.
        encoder: The trunk; by default the `encoder` of the model in `fit`.
        measure_first: Whether the first epoch of a `fit` is measured in any case.
            False for a run that goes on, which then measures when it would have, had
            it not been cut off.

    Raises:
        ValueError: If `every` is below 1; at the start of `fit` if there is no
            trunk.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        every: int,
        batch_size: int,
        image_size: int | None,
        encoder: keras.Layer | None,
        measure_first: bool = True,
    ):
        super().__init__()
        if every < 1:
            raise ValueError(f"`every` must be at least 1. Received: {every}")
        self.names = names
        self.every = every
        self.batch_size = batch_size
        self.image_size = image_size
        self.encoder = encoder
        self.measure_first = measure_first
        self._started = False

    def measured(self, extract: FeatureExtractor) -> dict[str, float]:
        """Returns the numbers by name.

        Args:
            extract: The trunk in inference mode; see `FeatureExtractor`.
        """
        raise NotImplementedError

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Finds the trunk."""
        trunk = self.encoder
        if trunk is None:
            trunk = getattr(self.model, "encoder", None)
        if trunk is None:
            raise ValueError(
                f"{type(self).__name__} needs a model with an `encoder`, or "
                f"`encoder=`. Received: {type(self.model).__name__} without one"
            )
        self._extract = FeatureExtractor(trunk, self.batch_size, self.image_size)
        self._started = not self.measure_first

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the numbers, or NaN, into the logs."""
        logs = {} if logs is None else logs
        last = epoch + 1 == self.params.get("epochs")
        due = not self._started or last or (epoch + 1) % self.every == 0
        self._started = True
        logs.update(
            self.measured(self._extract)
            if due
            else dict.fromkeys(self.names, float("nan"))
        )
