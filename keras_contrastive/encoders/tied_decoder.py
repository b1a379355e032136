"""A decoder that has no kernels of its own: the encoder's, transposed."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.encoders.conv2d import Conv2D, is_plain

# What changes no shape and damages points in training alone has nothing to undo.
_PASSED = (keras.layers.Dropout, keras.layers.GaussianNoise)
_RESHAPES = (keras.layers.Flatten, keras.layers.Reshape)
_ACTIVATIONS = (keras.layers.Activation, keras.layers.ReLU)
_LINEAR = (keras.layers.Dense, keras.layers.Conv2D)


@keras.saving.register_keras_serializable(package="keras_contrastive")
class TiedDecoder(keras.layers.Layer):
    """Runs an encoder backwards with its own kernels and with biases of its own.

        encoder  h_k = a_k( W_k h_{k-1} + b_k ),          h_0 = x
        decoder  g_{k-1} = a_{k-1}( W_k^T g_k + b'_k ),   g_last = h_last

    without an activation at the end. Dense layers and convolutions are transposed,
    flattening and reshaping undone, dropout and noise passed over.

    Source: Vincent et al. 2010, "Stacked Denoising Autoencoders", section 2.2.

    Args:
        encoder: A built chain of layers: a `Sequential`, or a functional model without
            branches.
        **kwargs: `name`, `dtype`.

    Raises:
        TypeError: If `encoder` is no model with layers.
        ValueError: If it is no chain, or a layer cannot be tied.
    """

    def __init__(self, encoder: keras.Model, **kwargs: Any):
        super().__init__(**kwargs)
        self.encoder = encoder
        # A layer to undo, the shape that it took, and how that had been activated.
        self._stages = []
        self._biases = []
        activations: tuple[Any, ...] = ()
        for layer, shape in _chain(encoder):
            if isinstance(layer, _RESHAPES):
                self._stages.append((layer, shape, ()))
            elif isinstance(layer, _ACTIVATIONS) and self._biases:
                activations = (*activations, layer)
            elif isinstance(layer, _LINEAR):
                self._stages.append((layer, shape, activations))
                activations = (layer.activation,)
                bias = self.add_weight(
                    shape=(shape[-1],),
                    initializer="zeros",
                    name=f"bias_{len(self._biases)}",
                )
                self._biases.append(bias)
        self.built = True

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Returns points before an activation, of the shape that the encoder takes.

        Args:
            features: `(batch, ...)`, as the encoder makes them.
        """
        x, bias = features, len(self._biases)
        for layer, shape, activations in reversed(self._stages):
            if isinstance(layer, _RESHAPES):
                x = tf.reshape(x, [-1, *shape])
                continue
            bias -= 1
            x = _transposed(layer, x, shape) + tf.cast(self._biases[bias], x.dtype)
            for activation in activations:
                x = activation(x)
        return x

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """Returns the shape that the encoder takes."""
        return (input_shape[0], *self.encoder.input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments; what is rebuilt has its own encoder."""
        encoder = keras.saving.serialize_keras_object(self.encoder)
        return {**super().get_config(), "encoder": encoder}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TiedDecoder":
        """Rebuilds the decoder and the encoder that it is tied to."""
        encoder = keras.saving.deserialize_keras_object(config["encoder"])
        return cls(**{**config, "encoder": encoder})


def _chain(encoder: Any) -> list[tuple[keras.layers.Layer, tuple[int, ...]]]:
    """Returns the layers of an encoder in order, and the shape that each takes."""
    if not isinstance(encoder, keras.Model) or not getattr(encoder, "layers", None):
        raise TypeError(
            "`encoder` must be a Sequential or a functional model to be tied to. "
            f"Received: {encoder!r}"
        )
    at = encoder.outputs[0] if encoder.built else None
    chain = []
    # From its output, which one call alone has made: layers may have been called by
    # other models as well, and on the same input.
    for layer in reversed(encoder.layers):
        if isinstance(layer, keras.layers.InputLayer):
            continue
        nodes = [x for x in layer._inbound_nodes if x.output_tensors[0] is at]
        if not nodes or len(nodes[0].input_tensors) != 1:
            raise ValueError(
                "`encoder` must be a built chain of layers to be tied to. "
                f"Received: {encoder.name!r}, where {layer.name!r} is not between the "
                "two layers beside it"
            )
        at = nodes[0].input_tensors[0]
        if not _can_be_undone(layer, at):
            raise ValueError(
                "`encoder` must have layers that a decoder can be tied to: Dense on "
                "vectors, Conv2D without groups and dilation, Flatten, Reshape, "
                "activations and Dropout. "
                f"Received: {layer.name!r}, a {type(layer).__name__}"
            )
        chain.append((layer, tuple(at.shape[1:])))
    return chain[::-1]


def _can_be_undone(layer: keras.layers.Layer, taken: Any) -> bool:
    if type(layer) is keras.layers.Dense:
        return len(taken.shape) == 2
    if type(layer) in (keras.layers.Conv2D, Conv2D):
        return is_plain(layer)
    return isinstance(layer, (*_PASSED, *_RESHAPES, *_ACTIVATIONS))


def _transposed(
    layer: keras.layers.Layer, x: tf.Tensor, shape: tuple[int, ...]
) -> tf.Tensor:
    kernel = tf.cast(layer.kernel, x.dtype)
    if isinstance(layer, keras.layers.Dense):
        return tf.matmul(x, kernel, transpose_b=True)
    return tf.nn.conv2d_transpose(
        x,
        kernel,
        [x.shape[0] or tf.shape(x)[0], *shape],
        layer.strides,
        layer.padding.upper(),
    )
