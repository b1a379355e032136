"""The restricted Boltzmann machine: units that meet only those of the other layer."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies.energy import Energy, check_units

UNITS = ("bernoulli", "gaussian")


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RBM(Energy):
    """Restricted Boltzmann machine; its energy is the free energy of the visible units.

    With Bernoulli visible units

        E(v, h) = - b.v - c.h - v W h
        F(v)    = - b.v - sum_j softplus( c_j + (v W)_j )

    and with Gaussian ones of standard deviation s, whose mean given h is b + W h,

        E(v, h) = |v - b|^2 / (2 s^2) - c.h - v W h / s^2
        F(v)    = |v - b|^2 / (2 s^2) - sum_j softplus( c_j + (v W)_j / s^2 )

    Source: Hinton 2002, "Training Products of Experts by Minimizing Contrastive
    Divergence"; Freund & Haussler 1992; starting weights and biases: Hinton 2010, "A
    Practical Guide to Training Restricted Boltzmann Machines", section 8.

    Args:
        visible: Number of visible units.
        hidden: Number of hidden units, which are bits.
        units: "bernoulli" for visible bits, "gaussian" for visible reals.
        stddev: s of Gaussian units, above 0.
        seed: Of the weights at the start, N(0, 0.01^2); None draws one.
        **kwargs: `name`, `dtype`, `trainable`.

    Attributes:
        kernel: W, a variable `(visible, hidden)`.
        visible_biases: b, a variable `(visible,)`.
        hidden_biases: c, a variable `(hidden,)`.

    Raises:
        ValueError: If a number is not positive or `units` is not known.
    """

    def __init__(
        self,
        visible: int,
        hidden: int,
        units: str = "bernoulli",
        stddev: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.visible = check_units("visible", visible)
        self.hidden = check_units("hidden", hidden)
        if units not in UNITS:
            raise ValueError(f"`units` must be one of {UNITS}. Received: {units!r}")
        if not stddev > 0:
            raise ValueError(f"`stddev` must be above 0. Received: {stddev}")
        self.units = units
        self.stddev = stddev
        self.seed = seed
        self.domain = "bits" if units == "bernoulli" else "reals"
        self.event_shape = (visible,)
        self.kernel = self.add_weight(
            shape=(visible, hidden),
            initializer=keras.initializers.RandomNormal(0.0, 0.01, seed),
            name="kernel",
        )
        self.visible_biases = self.add_weight(
            shape=(visible,), initializer="zeros", name="visible_biases"
        )
        self.hidden_biases = self.add_weight(
            shape=(hidden,), initializer="zeros", name="hidden_biases"
        )
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the free energy of each point, `(batch,)`."""
        softplus = tf.nn.softplus(self.hidden_logits(x))
        return self.visible_energy(x) - tf.reduce_sum(softplus, axis=1)

    def visible_energy(self, v: tf.Tensor) -> tf.Tensor:
        """Returns the part of the energy that no hidden unit has, `(batch,)`."""
        if self.units == "gaussian":
            return tf.reduce_sum((v - self.visible_biases) ** 2, 1) / (
                2 * self.stddev**2
            )
        return -tf.linalg.matvec(v, self.visible_biases)

    def joint_energy(self, v: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
        """Returns E(v, h), `(batch,)`, of `(batch, visible)` and `(batch, hidden)`."""
        v = self.points(v)
        h = tf.cast(h, v.dtype)
        return self.visible_energy(v) - tf.reduce_sum(h * self.hidden_logits(v), axis=1)

    def hidden_logits(self, v: tf.Tensor) -> tf.Tensor:
        """Returns the log odds of the hidden units given the visible ones.

        Args:
            v: `(batch, visible)`.

        Returns:
            `(batch, hidden)`; p(h_j = 1 | v) is their sigmoid.
        """
        v = self.points(v)
        if self.units == "gaussian":
            v = v / self.stddev**2
        return self.hidden_biases + tf.linalg.matmul(v, self.kernel)

    def visible_logits(self, h: tf.Tensor) -> tf.Tensor:
        """Returns the visible units' log odds, or means where they are Gaussian.

        Args:
            h: `(batch, hidden)`.

        Returns:
            `(batch, visible)`.
        """
        h = tf.cast(h, self.compute_dtype)
        product = tf.linalg.matmul(h, self.kernel, transpose_b=True)
        return self.visible_biases + product

    def visible_mean(self, h: tf.Tensor) -> tf.Tensor:
        """Returns E[v | h], `(batch, visible)`, of `(batch, hidden)`."""
        logits = self.visible_logits(h)
        return logits if self.units == "gaussian" else tf.sigmoid(logits)

    def sample_hidden(self, v: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws h given v: `(batch, hidden)` in {0, 1}, from a seed `(2,)`."""
        return _seeded.bits(tf.sigmoid(self.hidden_logits(v)), seed)

    def sample_visible(self, h: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws v given h: `(batch, visible)`, from a seed `(2,)`."""
        logits = self.visible_logits(h)
        if self.units == "bernoulli":
            return _seeded.bits(tf.sigmoid(logits), seed)
        noise = tf.cast(_seeded.normal(tf.shape(logits), seed), logits.dtype)
        return logits + self.stddev * noise

    def flip_differences(self, x: tf.Tensor) -> tf.Tensor:
        """Returns D_i from the hidden log odds, without a matrix product a flip.

        With a flip x_i + s_i, the hidden log odds move by s_i W_i, so

            D_i = -s_i b_i - sum_j ( softplus(a_j + s_i W_ij) - softplus(a_j) )

        Args:
            x: Bits, `(batch, visible)`.

        Returns:
            `(batch, visible)`.

        Raises:
            ValueError: If the visible units are Gaussian.
        """
        if self.units == "gaussian":
            raise ValueError(
                "`units` must be 'bernoulli': reals have no flips. Received: 'gaussian'"
            )
        x = self.points(x)
        logits = self.hidden_logits(x)
        signs = 1 - 2 * x
        # (batch, visible, hidden)
        moved = logits[:, None] + signs[..., None] * self.kernel
        rise = tf.nn.softplus(moved) - tf.nn.softplus(logits)[:, None]
        return -signs * self.visible_biases - tf.reduce_sum(rise, axis=2)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "visible": self.visible,
            "hidden": self.hidden,
            "units": self.units,
            "stddev": self.stddev,
            "seed": self.seed,
        }
