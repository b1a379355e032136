"""The denoising autoencoder: learn the data by mending them."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute import replica_count
from keras_contrastive.encoders import TiedDecoder
from keras_contrastive.energies import ReconstructionEnergy
from keras_contrastive.models.energy_model import EnergyModel
from keras_contrastive.models.points import checked_points
from keras_contrastive.models.replicable import check_replicable
from keras_contrastive.models.views import make_views

LOSSES = ("squared_error", "cross_entropy")
OUTPUTS = ("linear", "sigmoid")


@keras.saving.register_keras_serializable(package="keras_contrastive")
class DenoisingAutoencoder(EnergyModel):
    """Reconstructs clean points from corrupted ones.

        r(x~) = s( decoder( encoder(x~) ) ),    x~ ~ corruption(x)
        loss  = |r(x~) - x|^2     or     - sum_i x_i log r_i + (1 - x_i) log(1 - r_i)

    one sum a point, averaged over the batch. Corruptions are drawn inside the model
    from (seed, step). What it learns is an energy, `energy`: |r(x) - x|^2, low on the
    data and rising off them. Called, the model returns r(x) of clean points.

        encoder = kc.encoders.create("mlp", (784,), units=(500,), batch_norm=False)
        model = kc.models.DenoisingAutoencoder(
            encoder, "tied", kc.augment.Masking(0.25), loss="cross_entropy"
        )

    Source: Vincent et al. 2008, "Extracting and Composing Robust Features with
    Denoising Autoencoders"; Vincent et al. 2010, "Stacked Denoising Autoencoders".

    Args:
        encoder: A built Keras model, from points to features; trained in place.
        decoder: A built Keras model from features to points before their last
            activation, as `kc.encoders.create_decoder` makes; or "tied", which
            transposes the encoder's kernels (`kc.encoders.TiedDecoder`).
        corruption: Layer that damages points, such as `kc.augment.Masking(0.25)` or
            one of Keras's or keras-cv's own; None trains a plain autoencoder.
        loss: "squared_error", or "cross_entropy" for points in [0, 1].
        output: "linear" or "sigmoid", s above; None takes the sigmoid for the cross
            entropy, which needs it, and else the linear one.
        clip_norm: See `EnergyModel`.
        seed: Seed of the corruptions; None draws one.
        **kwargs: `name`.

    Raises:
        TypeError: If a part is no Keras layer.
        ValueError: If the decoder does not return points as the encoder takes them,
            the encoder cannot be tied to, or a name is not known.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model | str,
        corruption: keras.layers.Layer | None,
        loss: str = "squared_error",
        output: str | None = None,
        clip_norm: float | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        _check_parts(encoder, decoder, corruption)
        if loss not in LOSSES:
            raise ValueError(f"`loss` must be one of {LOSSES}. Received: {loss!r}")
        if output is None:
            output = "sigmoid" if loss == "cross_entropy" else "linear"
        if output not in OUTPUTS or (loss == "cross_entropy" and output != "sigmoid"):
            raise ValueError(
                f"`output` must be one of {OUTPUTS}, and 'sigmoid' for the cross "
                f"entropy. Received: {output!r}"
            )
        tied = isinstance(decoder, str)
        decoder = TiedDecoder(encoder) if tied else _without_sigmoid(decoder, output)
        point = keras.Input(encoder.input_shape[1:], name="point")
        made = keras.layers.Activation(output, name="output")(decoder(encoder(point)))
        autoencoder = keras.Model(point, made, name="autoencoder")
        super().__init__(ReconstructionEnergy(autoencoder), clip_norm, seed, **kwargs)
        for part in (encoder, decoder):
            check_replicable(part, replica_count(), chunked=False)
        self.encoder = encoder
        self.decoder = decoder
        self.tied = tied
        self.corruption = corruption
        self.loss_name = loss
        self.output_name = output

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns r(x), `(batch, ...)` as points."""
        x = checked_points(self.energy, x)
        return self.energy.autoencoder(x, training=training)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of points, with the batch axis."""
        return self.encoder.input_shape

    output_shape = input_shape

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Corrupts, reconstructs, and lowers the error."""
        x = self.points(data)
        corrupted = self.corrupted(x, self.step)
        self.learn(lambda: self.error(x, corrupted, training=True))
        return self.results()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Computes the error on corrupted points."""
        x = self.points(data)
        loss = self.error(x, self.corrupted(x, -1), training=False)
        self.loss_mean.update_state(loss)
        return self.results()

    def corrupted(self, x: tf.Tensor, step: tf.Tensor | int) -> tf.Tensor:
        """Returns damaged points, drawn from (seed, step), `(batch, ...)`."""
        if self.corruption is None:
            return x
        seed = self.seed_of(step)
        made = make_views({"image": x}, self.corruption, seed, 1, self.jit_compile)[0]
        if not made.shape.is_compatible_with(x.shape):
            raise ValueError(
                "`corruption` must leave points in their shape. "
                f"Received: {made.shape} for {x.shape}"
            )
        return tf.stop_gradient(tf.cast(made, x.dtype))

    def error(self, x: tf.Tensor, corrupted: tf.Tensor, training: bool) -> tf.Tensor:
        """Returns this replica's mean error of reconstructing `x`, a scalar.

        Args:
            x: Clean points, `(batch, ...)`.
            corrupted: Damaged points, `(batch, ...)`.
            training: Mode of the encoder and the decoder.
        """
        features = self.encoder(corrupted, training=training)
        made = tf.cast(self.decoder(features, training=training), x.dtype)
        if self.loss_name == "cross_entropy":
            each = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=made)
        else:
            each = (keras.activations.get(self.output_name)(made) - x) ** 2
        return tf.reduce_mean(tf.reduce_sum(each, axis=list(range(1, x.shape.rank))))

    def points(self, data: Any) -> tf.Tensor:
        """Returns the points of a batch; stops where the cross entropy has none."""
        x = super().points(data)
        if self.loss_name != "cross_entropy":
            return x
        low, high = tf.reduce_min(x), tf.reduce_max(x)
        words = "`x` must be in [0, 1] for the cross entropy. Received: values from"
        check = tf.debugging.Assert((low >= 0) & (high <= 1), [words, low, "to", high])
        with tf.control_dependencies([check] if check is not None else []):
            return tf.identity(x)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        del config["energy"]
        serialize = keras.saving.serialize_keras_object
        return {
            **config,
            "encoder": serialize(self.encoder),
            "decoder": "tied" if self.tied else serialize(self.decoder),
            "corruption": serialize(self.corruption),
            "loss": self.loss_name,
            "output": self.output_name,
        }


def _check_parts(encoder: Any, decoder: Any, corruption: Any) -> None:
    """Stops at parts that make no autoencoder."""
    for name, part in (("encoder", encoder), ("decoder", decoder)):
        if name == "decoder" and part == "tied":
            continue
        if not isinstance(part, keras.layers.Layer):
            also = ", or 'tied'" if name == "decoder" else ""
            raise TypeError(f"`{name}` must be a Keras model{also}. Received: {part!r}")
    if corruption is not None and not isinstance(corruption, keras.layers.Layer):
        raise TypeError(
            "`corruption` must be a Keras layer, such as `kc.augment.Masking(0.25)`, "
            f"or None. Received: {corruption!r}"
        )
    shape = getattr(encoder, "input_shape", None) if encoder.built else None
    if not isinstance(shape, tuple) or None in shape[1:]:
        raise ValueError(
            "`encoder` must be built for points of one shape. "
            f"Received: input shape {shape}"
        )
    if decoder == "tied":
        return
    made = decoder.compute_output_shape(encoder.output_shape)
    if tuple(made)[1:] != shape[1:]:
        raise ValueError(
            "`decoder` must return points of the shape that the encoder takes, "
            f"{shape[1:]}. Received: a decoder to {tuple(made)[1:]}"
        )


def _without_sigmoid(decoder: keras.layers.Layer, output: str) -> keras.layers.Layer:
    """Returns the decoder; stops where its points would be squashed twice."""
    last = (getattr(decoder, "layers", None) or [decoder])[-1]
    if output == "sigmoid" and (
        getattr(last, "activation", None) is keras.activations.sigmoid
    ):
        raise ValueError(
            "`decoder` must end without an activation where `output` is 'sigmoid'. "
            f"Received: {last.name!r} with a sigmoid"
        )
    return decoder
