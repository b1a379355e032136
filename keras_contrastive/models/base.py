"""What every model shares: building, fitting, loss scaling, seeds in checkpoints."""

import random
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive._untuned import untuned
from keras_contrastive.distribute import (
    DistributedTrainer,
    replica_count,
    told_of_lost_workers,
    worker_callbacks,
)
from keras_contrastive.models.batches import check_dataset, select
from keras_contrastive.models.compiling import check_compiled
from keras_contrastive.models.errors import readable_errors
from keras_contrastive.models.overflow import skipped_together
from keras_contrastive.models.saving import SavedWhole


class ContrastiveModel(DistributedTrainer, SavedWhole, keras.Model):
    """A Keras Model whose method is its `train_step`.

    A subclass builds all its parts in the constructor, so that the strategy in whose
    scope it is made owns every variable, says in `features` what it reads of a batch,
    and writes `train_step(batch)` in the order of its paper, ending in `minimise`.

    Args:
        seed: Seed of all that the model draws; None draws one.
        **kwargs: `name`, `dtype`.
    """

    features: tuple[str, ...] = ("image", "views")

    def __init__(self, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        several = tf.distribute.MultiWorkerMirroredStrategy
        if seed is None and isinstance(tf.distribute.get_strategy(), several):
            raise ValueError(
                "`seed` must be given under MultiWorkerMirroredStrategy, where each "
                "process would draw another. Received: None"
            )
        self.seed = random.randrange(2**31) if seed is None else seed
        # Of its own, because the optimizer does not count the steps that an overflow
        # makes it skip, and their views would be drawn again.
        self.step = self.add_weight(
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="step",
        )

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Configures training, as for every Keras model, and builds the optimizer.

        The model brings its own loss. The optimizer is built here, in the strategy's
        scope, because `fit` would build it inside a replica.

        Raises:
            ValueError: If a loss is given, or an option that Keras does not support
                under several replicas.
        """
        if kwargs.get("loss") is not None:
            raise ValueError(
                f"{type(self).__name__} brings its own loss; expected no `loss`. "
                f"Received: loss={kwargs['loss']!r}"
            )
        steps = kwargs.get("steps_per_execution", 1)
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
            raise ValueError(
                f"`steps_per_execution` must be a positive integer. Received: {steps!r}"
            )
        with self.distribute_strategy.scope():
            super().compile(*args, **kwargs)
            check_compiled(self, self.distribute_strategy.num_replicas_in_sync)
            self.optimizer.build(self.trainable_variables)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles a reloaded model as the saved one was."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains the model; see `keras.Model.fit`.

        Args:
            x: A batched `tf.data.Dataset` of images, `(images, labels)`,
                `{"image", ...}` or `{"views": (a, b), ...}`, or an array of images.
                Features that the model does not use are dropped. tf.data tunes a
                dataset only where its own options say so, as an epoch would wait for
                that at its end.
            *args: As for `keras.Model.fit`.
            **kwargs: As for `keras.Model.fit`. `initial_batch`: how many batches of
                the first epoch a run that was cut off there has taken; `x` begins
                behind them.

        Returns:
            Keras's History.

        Raises:
            ValueError: If there is nothing to train on or the images are unfit. What
                was learnt before stays.
        """
        if kwargs.get("validation_data") is not None:
            data = self._prepared(kwargs["validation_data"], training=False)
            kwargs["validation_data"] = data
        if isinstance(x, tf.data.Dataset):
            # Keras warns of its own default when it is given a dataset.
            kwargs.setdefault("shuffle", False)
        self.begin_within_epoch(kwargs.pop("initial_batch", 0))
        if "callbacks" in kwargs:
            callbacks, strategy = kwargs["callbacks"], self.distribute_strategy
            kwargs["callbacks"] = worker_callbacks(callbacks, strategy)
        before = self.steps_taken
        with readable_errors(), told_of_lost_workers(self.distribute_strategy):
            history = super().fit(self._prepared(x, training=True), *args, **kwargs)
        started = kwargs.get("initial_epoch", 0) < kwargs.get("epochs", 1)
        if started and self.steps_taken == before:
            raise ValueError("`x` must hold at least one batch. Received: no batches")
        return history

    def evaluate(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Returns the loss and the metrics; see `keras.Model.evaluate`."""
        # `fit` evaluates batches that it has prepared already.
        if not kwargs.get("_use_cached_eval_dataset", False):
            x = self._prepared(x, training=False)
        with readable_errors(), told_of_lost_workers(self.distribute_strategy):
            return super().evaluate(x, *args, **kwargs)

    def _prepared(self, x: Any, training: bool) -> Any:
        if not isinstance(x, tf.data.Dataset):
            return x
        dataset = untuned(x).map(
            lambda *element: select(
                element[0] if len(element) == 1 else element, self.features
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        check_dataset(dataset, self.distribute_strategy.num_replicas_in_sync)
        self.check_spec(dataset.element_spec)
        if training:
            self.check_training_spec(dataset.element_spec)
        return dataset

    def check_spec(self, spec: dict[str, Any]) -> None:
        """Stops before the first step at features that the model cannot take.

        Args:
            spec: The features' `tf.TensorSpec`s, by name.

        Raises:
            ValueError: If a feature is missing or has a shape that does not fit.
        """

    def check_training_spec(self, spec: dict[str, Any]) -> None:
        """Stops before the first step of `fit` at features that it cannot learn from.

        What only training needs, such as room in a queue, is checked here, so that
        evaluation takes what it can.

        Args:
            spec: The features' `tf.TensorSpec`s, by name.

        Raises:
            ValueError: If a feature is missing or has a shape that does not fit.
        """

    @property
    def steps_taken(self) -> int:
        """How many steps of training the model has taken, skipped ones included."""
        return int(self.step.numpy())

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """Returns what to differentiate for this replica's mean loss.

        The optimizer sums gradients over the replicas, so each brings its share; under
        float16 the optimizer's loss scale comes on top.

        Args:
            loss: Mean over this replica's examples, a scalar.
        """
        return self.share(loss + sum(tf.cast(x, loss.dtype) for x in self.losses))

    def share(self, loss: tf.Tensor) -> tf.Tensor:
        """Returns this replica's share of a loss, times the optimizer's loss scale."""
        return self.optimizer.scale_loss(loss / replica_count())

    def minimise(self, tape: tf.GradientTape, scaled_loss: tf.Tensor) -> None:
        """Takes one optimizer step and counts it.

        Args:
            tape: The tape that saw `scaled_loss` computed.
            scaled_loss: What `scaled` returned.
        """
        self.apply(tape.gradient(scaled_loss, self.trainable_variables))

    def apply(self, gradients: list[Any]) -> None:
        """Takes one optimizer step along given gradients and counts it.

        Args:
            gradients: One for each of `trainable_variables`, of what `scaled`
                returned; None where the loss does not depend on a variable.
        """
        if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            gradients = skipped_together(gradients)
        # The counters wait for the gradients, and so for every check before them: a
        # step that is refused is not counted.
        with tf.control_dependencies([g for g in gradients if g is not None]):
            self.optimizer.apply_gradients(
                zip(gradients, self.trainable_variables, strict=True)
            )
            self.step.assign_add(1)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The metrics, of one name each.

        Keras has a mean of its own for a compiled loss, of which there is none here,
        and would report that beside the model's, under one name.
        """
        return list({metric.name: metric for metric in super().metrics}.values())

    def results(self) -> dict[str, tf.Tensor]:
        """Returns the metrics so far, by name."""
        return {metric.name: metric.result() for metric in self.metrics}

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"name": self.name, "seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ContrastiveModel":
        """Rebuilds the model and its parts."""
        parts = {
            name: keras.saving.deserialize_keras_object(value)
            if isinstance(value, dict) and "class_name" in value
            else value
            for name, value in config.items()
        }
        return cls(**parts)
