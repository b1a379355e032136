"""What every energy model shares: points in, one checked step along a loss."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.distribute import replica_count, replica_index
from keras_contrastive.energies import Energy
from keras_contrastive.models.base import ContrastiveModel
from keras_contrastive.models.points import check_points, checked_points, select_points


class EnergyModel(ContrastiveModel):
    """A model that trains an energy: down at the data, up elsewhere.

    `fit` takes arrays of points, or batches of them as `points`, `(points, labels)`,
    `{"x": points}` or `{"image": points}`; `predict` returns energies. A loss that is
    not finite stops training before the update, and says at which step.

    Averaged weights, where the literature uses them, are Keras's: compile with an
    optimizer that has `use_ema=True`.

    Args:
        energy: What is trained, in place.
        clip_norm: Largest length of the gradient, over all weights and replicas
            together; None does not clip. (An optimizer's own clipping looks at each
            replica alone.)
        seed: Seed of all that is drawn; None draws one.
        **kwargs: `name`.

    Attributes:
        domain: "bits" or "reals", what the method is defined on; None for both.

    Raises:
        TypeError: If `energy` is no energy.
        ValueError: If the energy is over points that the method is not defined on, or
            `clip_norm` is not above 0.
    """

    domain: str | None = None

    def __init__(
        self,
        energy: Energy,
        clip_norm: float | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, **kwargs)
        if not isinstance(energy, Energy):
            raise TypeError(
                "`energy` must be a `keras_contrastive.energies.Energy`; "
                f"`NetworkEnergy` makes one of any Keras network. Received: {energy!r}"
            )
        if self.domain not in (None, energy.domain):
            raise ValueError(
                f"`energy` must be over {self.domain}, on which {type(self).__name__} "
                f"is defined. Received: {type(energy).__name__} over {energy.domain}"
            )
        if clip_norm is not None and not 0 < clip_norm < float("inf"):
            raise ValueError(
                f"`clip_norm` must be a finite number above 0. Received: {clip_norm}"
            )
        self.energy = energy
        self.clip_norm = clip_norm
        self.loss_mean = keras.metrics.Mean(name="loss")
        self.data_energy = keras.metrics.Mean(name="data_energy")
        self.gradient_norm = keras.metrics.Mean(name="gradient_norm")
        self.built = True

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns energies, `(batch,)`."""
        return self.energy(checked_points(self.energy, x))

    def points(self, data: Any) -> tf.Tensor:
        """Returns the points of a batch as `fit` takes it, `(batch, ...)`."""
        return checked_points(self.energy, select_points(data))

    def objective(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns one value a point, `(batch,)`, for methods that need points alone."""
        raise NotImplementedError

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Lowers the objective at the data."""
        x = self.points(data)
        self.learn(lambda: tf.reduce_mean(self.objective(x, self.seed_of(self.step))))
        return self.results()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Computes the loss and the metrics."""
        x = self.points(data)
        loss = tf.reduce_mean(self.objective(x, self.seed_of(-1)))
        self.record(loss, self.energy(x))
        return self.results()

    def learn(self, loss_of: Callable[[], tf.Tensor]) -> tf.Operation | None:
        """Takes one optimizer step, if the loss is finite.

        Args:
            loss_of: Computes this replica's mean loss.

        Returns:
            The check, which all other writes of the step are to wait for.

        Raises:
            tf.errors.InvalidArgumentError: When run into a loss that is not finite.
        """
        with tf.GradientTape() as tape:
            loss = loss_of()
            scaled_loss = self.scaled(loss)
        return self.descend(loss, tape.gradient(scaled_loss, self.trainable_variables))

    def descend(self, loss: tf.Tensor, gradients: list[Any]) -> tf.Operation | None:
        """Takes one optimizer step along gradients, if the loss is finite; see `learn`.

        Args:
            loss: This replica's mean loss.
            gradients: As `apply` takes them.
        """
        check = self.finite(loss)
        with tf.control_dependencies([check] if check is not None else []):
            self.loss_mean.update_state(loss)
            self.apply([None if g is None else tf.identity(g) for g in gradients])
        return check

    def finite(self, loss: tf.Tensor) -> tf.Operation | None:
        """Returns a check that stops at a loss that is not finite."""
        return tf.debugging.Assert(
            tf.math.is_finite(loss),
            [
                f"`energy` must stay finite; {type(self).__name__} stopped, with its "
                "weights as they were, at step",
                self.step.value,
                "(a lower learning rate or `clip_norm` may help). Received: loss",
                loss,
            ],
        )

    def apply(self, gradients: list[Any]) -> None:
        """Takes one optimizer step along gradients, clipped as a whole.

        Args:
            gradients: One for each of `trainable_variables`, this replica's share;
                None where the loss does not depend on a variable.
        """
        replicas = replica_count()
        there = [number for number, g in enumerate(gradients) if g is not None]
        if not there:
            raise ValueError(
                "`energy` must have weights to train. "
                f"Received: {type(self.energy).__name__} without any"
            )
        total = [gradients[number] for number in there]
        if replicas > 1:
            context = tf.distribute.get_replica_context()
            total = context.all_reduce(tf.distribute.ReduceOp.SUM, total)
        # What the optimizer multiplied the loss with, against float16's underflow.
        scale = self.optimizer.scale_loss(tf.constant(1.0))
        norm = tf.sqrt(
            tf.add_n([tf.cast(tf.reduce_sum(g * g), tf.float32) for g in total])
        )
        self.gradient_norm.update_state(norm / scale)
        # The optimizer sums over the replicas once more.
        factor = tf.constant(1 / replicas)
        if self.clip_norm is not None:
            most = self.clip_norm * scale
            factor *= tf.minimum(1.0, most / tf.maximum(norm, most * 1e-12))
        if replicas > 1 or self.clip_norm is not None:
            total = [g * tf.cast(factor, g.dtype) for g in total]
        result: list[Any] = [None] * len(gradients)
        for number, gradient in zip(there, total, strict=True):
            result[number] = gradient
        super().apply(result)

    def record(self, loss: tf.Tensor, data_energies: tf.Tensor) -> None:
        """Records metrics of evaluation."""
        self.loss_mean.update_state(loss)
        self.data_energy.update_state(data_energies)

    def seed_of(self, step: tf.Tensor | int) -> tf.Tensor:
        """Returns two integers `(2,)` that are a step's own; -1 is evaluation's."""
        return tf.stack([tf.constant(self.seed, tf.int64), tf.cast(step, tf.int64)])

    def own(self, seed: tf.Tensor) -> tf.Tensor:
        """Returns this replica's seed, for noise that is as large as the points."""
        return _seeded.fold_in(seed, replica_index())

    def _prepared(self, x: Any) -> Any:
        if not isinstance(x, tf.data.Dataset):
            return x
        points = x.map(
            lambda *element: select_points(
                element[0] if len(element) == 1 else element
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        check_points(points, self.energy, self.distribute_strategy.num_replicas_in_sync)
        return points

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "energy": keras.saving.serialize_keras_object(self.energy),
            "clip_norm": self.clip_norm,
        }
