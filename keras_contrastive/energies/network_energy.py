"""Any network as an energy."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.energies import networks
from keras_contrastive.energies.energy import Energy

DOMAINS = ("bits", "reals")


@keras.saving.register_keras_serializable(package="keras_contrastive")
class NetworkEnergy(Energy):
    """The energy that a Keras network computes.

        E(x) = f(x)

    The network runs in inference mode unless the energy is called with
    `training=True`, so that a chain changes none of its state. Batch norm is refused:
    in training mode it makes the energy of a point depend on its batch, and a chain's
    points would enter its statistics. `mlp` and `convnet` make networks that do well
    as energies.

    The energies are float32, but what a network under a mixed policy computes in half
    precision is no finer for it; build it with `dtype="float32"`.

    Args:
        network: A built Keras model or layer, from `(batch, ...)` to `(batch,)` or
            `(batch, 1)`.
        domain: "reals", or "bits" for points in {0, 1}.
        **kwargs: `name`, `dtype`, `trainable`.

    Raises:
        TypeError: If `network` is no Keras layer.
        ValueError: If it is not built, has batch norm or several inputs, or returns
            something else than one number a point.
    """

    def __init__(
        self, network: keras.layers.Layer, domain: str = "reals", **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.network = check_network("network", network)
        batch_norms = [
            layer.name
            for layer in network._flatten_layers()
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        if batch_norms:
            raise ValueError(
                "`network` must have no batch norm: sampling would change its "
                "statistics, and a point's energy would depend on its batch. Use "
                "LayerNormalization, GroupNormalization or none. "
                f"Received: {batch_norms}"
            )
        self.domain = check_domain(domain)
        self.event_shape = shape_of_points(network)
        output_shape = getattr(network, "output_shape", None)
        if output_shape is not None:
            self._check_output(output_shape)
        self.built = True

    @classmethod
    def mlp(
        cls,
        input_shape: tuple[int, ...],
        units: Sequence[int] = (128, 128),
        activation: str = "swish",
        spectral_norm: bool = False,
        domain: str = "reals",
        first_scale: float | None = None,
        **kwargs: Any,
    ) -> "NetworkEnergy":
        """Returns the energy of dense layers over the flattened point.

        Args:
            input_shape: Shape of a point.
            units: Width of each hidden layer.
            activation: Smooth, as "swish", "softplus" or "tanh".
            spectral_norm: Whether `SpectralNorm` constrains each kernel.
            domain: "reals" or "bits".
            first_scale: Standard deviation of the first kernel at the start; None:
                Glorot's. In the plane, about 2 lets it find narrow modes.
            **kwargs: `name`, `dtype`, `trainable` of the energy.
        """
        dtype = kwargs.get("dtype") or "float32"
        network = networks.mlp(
            input_shape, units, activation, spectral_norm, dtype, first_scale
        )
        return cls(network, domain, **kwargs)

    @classmethod
    def convnet(
        cls,
        input_shape: tuple[int, int, int],
        filters: Sequence[int] = (32, 64, 128),
        activation: str = "swish",
        spectral_norm: bool = False,
        domain: str = "reals",
        **kwargs: Any,
    ) -> "NetworkEnergy":
        """Returns the energy of convolutions of stride 2 over an image.

        Args:
            input_shape: `(height, width, channels)`.
            filters: Channels of each convolution.
            activation: As of `mlp`.
            spectral_norm: As of `mlp`.
            domain: "reals" or "bits".
            **kwargs: `name`, `dtype`, `trainable` of the energy.
        """
        dtype = kwargs.get("dtype") or "float32"
        network = networks.convnet(
            input_shape, filters, activation, spectral_norm, dtype
        )
        return cls(network, domain, **kwargs)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the energy of each point, `(batch,)`."""
        energies = self.network(x, training=training)
        self._check_output(energies.shape)
        return tf.reshape(energies, [-1])

    def _check_output(self, shape: Any) -> None:
        if not isinstance(shape, list) and (
            len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)
        ):
            return
        raise ValueError(
            "`network` must return one energy a point, of shape (batch,) or "
            f"(batch, 1). Received: {shape} of {self.network.name!r}"
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        network = keras.saving.serialize_keras_object(self.network)
        return {**super().get_config(), "network": network, "domain": self.domain}


def check_network(name: str, network: Any) -> keras.layers.Layer:
    """Returns a network.

    Raises:
        TypeError: If it is no Keras layer.
        ValueError: If it is not built.
    """
    if not isinstance(network, keras.layers.Layer):
        raise TypeError(
            f"`{name}` must be a Keras model or layer. Received: {network!r}"
        )
    if not network.built:
        raise ValueError(
            f"`{name}` must be built: begin it with `keras.Input(shape)`, or call it "
            f"once. Received: {network.name!r}, not built"
        )
    return network


def check_domain(domain: str) -> str:
    """Returns the domain.

    Raises:
        ValueError: If it is unknown.
    """
    if domain not in DOMAINS:
        raise ValueError(f"`domain` must be one of {DOMAINS}. Received: {domain!r}")
    return domain


def shape_of_points(network: keras.layers.Layer) -> tuple[int, ...] | None:
    """Returns the shape that a network takes a point in, None where it does not say.

    Raises:
        ValueError: If it takes several inputs.
    """
    shape = getattr(network, "input_shape", None)
    if isinstance(shape, (list, dict)):
        raise ValueError(f"a network must take one input. Received: {shape}")
    if shape is None or None in shape[1:]:
        return None
    return tuple(shape[1:])
