"""Maximum likelihood, exact: where all points can be visited."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute import replica_count
from keras_contrastive.energies import Energy
from keras_contrastive.models.energy_model import EnergyModel

MOST_BITS = 20
_CHUNK = 2**14


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MaximumLikelihood(EnergyModel):
    """Lowers minus the log-likelihood, with log Z and its gradient computed exactly.

        loss = mean E(x) + log Z,    gradient = E_data[dE] - E_model[dE]

    The model's expectation is a sum over all states of up to 20 bits, or over a grid
    in one or two dimensions (midpoint rule). What all other methods approximate.

    Args:
        energy: Over at most 20 bits, or over one or two reals.
        bounds: Lowest and highest coordinate of the grid, for reals; the energy has to
            be so high there that nothing of exp(-E) is lost.
        nodes: Grid points along each axis.
        clip_norm: See `EnergyModel`.
        seed: See `EnergyModel`.
        **kwargs: `name`.

    Raises:
        TypeError: If `energy` is no energy.
        ValueError: If there are too many bits or dimensions, or a number is out of its
            range.
    """

    def __init__(
        self,
        energy: Energy,
        bounds: Sequence[float] = (-5.0, 5.0),
        nodes: int = 200,
        clip_norm: float | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(energy, clip_norm, seed, **kwargs)
        shape = energy.event_shape
        size = None if shape is None else math.prod(shape)
        most = MOST_BITS if energy.domain == "bits" else 2
        if size is None or size > most:
            of = "bits" if energy.domain == "bits" else "dimensions"
            raise ValueError(
                f"`energy` must be over at most {most} {of}, to visit all points. "
                f"Received: {type(energy).__name__} over points of shape {shape}"
            )
        if not (len(bounds) == 2 and -math.inf < bounds[0] < bounds[1] < math.inf):
            raise ValueError(
                "`bounds` must be a lowest and a highest coordinate. "
                f"Received: {bounds}"
            )
        if not isinstance(nodes, int) or nodes < 2:
            raise ValueError(
                f"`nodes` must be an integer of at least 2. Received: {nodes!r}"
            )
        self.bounds = tuple(bounds)
        self.nodes = nodes
        self._base = 2 if energy.domain == "bits" else nodes
        self._dimensions = size

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Lowers the energy at the data and raises it at all points, as likely."""
        x = self.points(data)
        variables = [variable.value for variable in self.trainable_variables]
        log_z, of_model = self.visit(gradient=True)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.energy(x))
            scaled_loss = self.scaled(loss)
        of_data = tape.gradient(
            scaled_loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        # As `scaled` weighs the data's part.
        weight = self.optimizer.scale_loss(tf.constant(1 / replica_count()))
        gradients = [
            data - tf.cast(weight, data.dtype) * model
            for data, model in zip(of_data, of_model, strict=True)
        ]
        self.descend(loss + log_z, gradients)
        return self.results()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Computes minus the mean log-likelihood."""
        energies = self.energy(self.points(data))
        log_z, _ = self.visit(gradient=False)
        self.loss_mean.update_state(tf.reduce_mean(energies) + log_z)
        return self.results()

    def visit(self, gradient: bool) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns log Z, and E_model[dE] for each trainable variable, in one pass.

        In chunks of points, whose sums are kept relative to the lowest energy so far.
        """
        variables = [v.value for v in self.trainable_variables] if gradient else []
        dtype = self.energy.compute_dtype
        count = self._base**self._dimensions
        chunk = min(_CHUNK, count)

        def body(first, highest, total, sums):
            numbers = first + tf.range(chunk, dtype=tf.int64)
            with tf.GradientTape() as tape:
                energies = self.energy(self.points_of(numbers))
            log_weights = tf.where(numbers < count, -energies, -math.inf)
            new = tf.maximum(highest, tf.reduce_max(tf.stop_gradient(log_weights)))
            weights, kept = tf.exp(log_weights - new), tf.exp(highest - new)
            gradients = tape.gradient(
                energies,
                variables,
                weights,
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            sums = [
                s * tf.cast(kept, s.dtype) + g
                for s, g in zip(sums, gradients, strict=True)
            ]
            total = total * kept + tf.reduce_sum(weights)
            return first + chunk, new, total, sums

        start = (
            tf.constant(0, tf.int64),
            tf.constant(-math.inf, dtype),
            tf.constant(0, dtype),
            [tf.zeros(v.shape, v.dtype) for v in variables],
        )
        _, highest, total, sums = tf.while_loop(
            lambda first, *_: first < count,
            body,
            start,
            maximum_iterations=-(-count // chunk),
            parallel_iterations=1,
        )
        volume = 1.0
        if self.energy.domain == "reals":
            volume = (self.bounds[1] - self.bounds[0]) / self.nodes
        log_z = highest + tf.math.log(total) + self._dimensions * math.log(volume)
        return log_z, [s / tf.cast(total, s.dtype) for s in sums]

    def points_of(self, numbers: tf.Tensor) -> tf.Tensor:
        """Returns the points of given numbers, `(count, *event_shape)`."""
        places = self._base ** tf.range(self._dimensions, dtype=tf.int64)
        digits = tf.cast(numbers[:, None] // places % self._base, tf.float64)
        if self.energy.domain == "reals":
            low, high = self.bounds
            digits = low + (digits + 0.5) * ((high - low) / self.nodes)
        points = tf.reshape(digits, [-1, *self.energy.event_shape])
        return tf.cast(points, self.energy.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "bounds": self.bounds, "nodes": self.nodes}
