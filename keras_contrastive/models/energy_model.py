"""What every energy model shares: points in, one checked step along a loss."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive._untuned import untuned
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
        self.gradient_norm = keras.metrics.Mean(name="gradient_norm")
        self.built = True

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns energies, `(batch,)`."""
        return self.energy(checked_points(self.energy, x))

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains the model; see `ContrastiveModel`.

        Raises:
            ValueError: If points are unfit, or an energy is not finite; weights and
                particles are then as they were before the step.
        """
        try:
            return super().fit(*args, **kwargs)
        except ValueError as error:
            if not str(error).startswith("`energy` must be finite where chains start"):
                raise
            raise ValueError(
                f"{error} ({type(self).__name__}, at step {int(self.step.numpy())})"
            ) from error

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
        self.loss_mean.update_state(loss)
        return self.results()

    def learn(self, loss_of: Callable[[], tf.Tensor]) -> tf.Operation | None:
        """Takes one optimizer step, if the loss and its gradient are finite.

        Args:
            loss_of: Computes this replica's mean loss.

        Returns:
            The check, which all other writes of the step are to wait for.

        Raises:
            tf.errors.InvalidArgumentError: When run into what is not finite.
        """
        with tf.GradientTape() as tape:
            loss = loss_of()
            scaled_loss = self.scaled(loss)
        # A constant that is added to an energy has no gradient, and needs none.
        gradients = tape.gradient(
            scaled_loss,
            [variable.value for variable in self.trainable_variables],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return self.descend(loss, gradients)

    def descend(self, loss: tf.Tensor, gradients: list[Any]) -> tf.Operation | None:
        """Takes one optimizer step along gradients, clipped as a whole; see `learn`.

        Args:
            loss: This replica's mean loss.
            gradients: One for each of `trainable_variables`, this replica's share.
        """
        if not gradients:
            raise ValueError(
                "`energy` must have weights to train. "
                f"Received: {type(self.energy).__name__} without any"
            )
        replicas = replica_count()
        if replicas > 1:
            context = tf.distribute.get_replica_context()
            gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        # Half of the sum of squares, in one pass over a gradient and not in two.
        halves = [tf.cast(tf.nn.l2_loss(g), tf.float32) for g in gradients]
        # What the optimizer multiplied the loss with, against float16's underflow.
        scale = self.optimizer.scale_loss(tf.constant(1.0))
        norm = tf.sqrt(2 * tf.add_n(halves)) / scale
        check = self._check(loss, norm)
        with tf.control_dependencies([check] if check is not None else []):
            gradients = [tf.identity(gradient) for gradient in gradients]
            self.loss_mean.update_state(loss)
            self.gradient_norm.update_state(norm)
        if replicas > 1 or self.clip_norm is not None:
            # The optimizer sums over the replicas once more.
            factor = tf.constant(1 / replicas)
            if self.clip_norm is not None:
                factor *= self.clip_norm / tf.maximum(norm, self.clip_norm)
            gradients = [g * tf.cast(factor, g.dtype) for g in gradients]
        self.apply(gradients)
        return check

    def _check(self, loss: tf.Tensor, norm: tf.Tensor) -> tf.Operation | None:
        """Returns one check of both, as each takes its share of a small step."""
        holds = tf.math.is_finite(loss)
        # Under float16 an overflow is a step that the optimizer skips.
        if not isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            holds &= tf.math.is_finite(norm)
        return tf.debugging.Assert(
            holds,
            [
                f"`energy` must stay finite; {type(self).__name__} stopped, with its "
                "weights as they were, at step",
                self.step.value,
                "(a lower learning rate or `clip_norm` may help). Received: a loss of",
                loss,
                "and a gradient of length",
                norm,
            ],
        )

    def seed_of(self, step: tf.Tensor | int) -> tf.Tensor:
        """Returns two integers `(2,)` that are a step's own; -1 is evaluation's."""
        return tf.stack([tf.constant(self.seed, tf.int64), tf.cast(step, tf.int64)])

    def own(self, seed: tf.Tensor) -> tf.Tensor:
        """Returns this replica's seed, for noise that is as large as the points."""
        return _seeded.fold_in(seed, replica_index())

    def _prepared(self, x: Any, training: bool) -> Any:
        if not isinstance(x, tf.data.Dataset):
            return x
        points = untuned(x).map(
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
