"""A trained trunk as a SavedModel, and a SavedModel as a layer that trains."""

import json
import os
import pathlib
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.encoders import weight_levels
from keras_contrastive.export.folder import new_folder
from keras_contrastive.export.trunk import trunk_of

_CARD = "keras_contrastive.json"
_FORMAT = 1


def export_encoder(model_or_trunk: keras.Model, path: str | os.PathLike) -> None:
    """Writes the trunk of a model, or a trunk itself, as a SavedModel.

    Three endpoints, each from float images in [0, 1],
    `(batch, height, width, channels)`, to features `(batch, features)` float32:
    `serve` and `call_inference` in inference mode, `call_training` with batch
    statistics, which lets a program that loads it go on training. The model need be
    neither compiled nor fitted.

    Args:
        model_or_trunk: A model of this package, whose `encoder` is exported, or a
            built Keras model.
        path: Folder to write; made with its parents.

    Raises:
        TypeError: If there is no trunk to export.
        ValueError: If the trunk is not built.
        FileExistsError: If the folder is there and not empty; nothing is overwritten.
    """
    trunk = trunk_of(model_or_trunk)
    path = new_folder(path)
    shape = trunk.input_shape
    signature = [keras.InputSpec(shape=shape, dtype="float32", name="images")]

    def inference(images):
        return tf.cast(trunk(images, training=False), tf.float32)

    def training(images):
        return tf.cast(trunk(images, training=True), tf.float32)

    archive = keras.export.ExportArchive()
    archive.track(trunk)
    archive.add_endpoint("serve", inference, input_signature=signature)
    archive.add_endpoint("call_inference", inference, input_signature=signature)
    archive.add_endpoint("call_training", training, input_signature=signature)
    archive.write_out(str(path), verbose=False)
    card = {
        "format": _FORMAT,
        "input_shape": shape[1:],
        "features": trunk.output_shape[-1],
        "weight_levels": _levels(trunk),
    }
    (path / _CARD).write_text(json.dumps(card, indent=2) + "\n")


def _levels(trunk: keras.Model) -> list[int]:
    """Returns the level of each variable in the order in which they are saved."""
    levels = dict(zip(map(id, trunk.weights), weight_levels(trunk), strict=True))
    # The state of a seed is no weight here, but is one of what is loaded again.
    return [levels.get(id(variable), 1) for variable in trunk.variables]


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SavedEncoder(keras.layers.TFSMLayer):
    """A trunk reloaded from a SavedModel: a Keras layer that infers and trains.

    Args:
        filepath: Folder that `export_encoder` wrote.
        trainable: Whether training moves its weights; its batch-norm statistics move
            only then, and only when it is called with `training=True`.
        **kwargs: `name`, `dtype`.
    """

    def __init__(
        self, filepath: str | os.PathLike, trainable: bool = True, **kwargs: Any
    ):
        super().__init__(
            str(filepath),
            call_endpoint="call_inference",
            call_training_endpoint="call_training",
            trainable=trainable,
            **kwargs,
        )
        card = json.loads((pathlib.Path(filepath) / _CARD).read_text())
        self.image_shape = tuple(card["input_shape"])
        self.feature_dim = card["features"]
        # In the order of the archive, which is not that of `weights`: Keras finds
        # those again in the order in which the graph uses them.
        self._levels = dict(
            zip(
                map(id, self._reloaded_obj.variables),
                card.get("weight_levels", ()),
                strict="weight_levels" in card,
            )
        )

    @property
    def weight_levels(self) -> list[int]:
        """How deep each of `weights` lies; see `kc.encoders.weight_levels`.

        Raises:
            ValueError: If the SavedModel was exported before levels were written.
        """
        if not self._levels:
            raise ValueError(
                "The SavedModel must be exported again: it does not say how deep its "
                f"weights lie. Received: {self.filepath}"
            )
        return [self._levels[id(weight.value)] for weight in self.weights]

    def _add_existing_weight(self, weight: tf.Variable) -> None:
        """Tracks a variable of the SavedModel under a name that a slot can bear.

        Overrides a private method of Keras 3.15, which keeps the ":0" of the name, and
        no optimizer can then make a slot for it.
        """
        self._track_variable(
            keras.Variable(
                initializer=weight,
                trainable=weight.trainable,
                dtype=weight.dtype,
                shape=weight.shape,
                name=weight.name.split(":")[0].replace("/", "_"),
            )
        )

    def call(self, inputs: tf.Tensor, training: bool = False, **kwargs: Any):
        """Returns the features of float images in [0, 1]."""
        # A frozen trunk keeps its statistics, whatever the mode of the model around.
        return super().call(inputs, training=bool(training) and self.trainable)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Returns `(batch, features)`."""
        return (input_shape[0], self.feature_dim)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        return {
            name: config[name] for name in ("name", "trainable", "dtype", "filepath")
        }


def load_encoder(path: str | os.PathLike, trainable: bool = True) -> SavedEncoder:
    """Loads a trunk that `export_encoder` wrote, as a Keras layer.

        trunk = kc.export.load_encoder("run/encoder")
        inputs = keras.Input(trunk.image_shape)
        outputs = keras.layers.Dense(10)(trunk(inputs))
        classifier = keras.Model(inputs, outputs)

    Args:
        path: The SavedModel's folder.
        trainable: Whether training moves its weights and statistics.

    Returns:
        The layer, `(batch, height, width, channels)` float in [0, 1] to
        `(batch, features)` float32, equal to the exported trunk in inference mode.

    Raises:
        FileNotFoundError: If there is no SavedModel in the folder.
        ValueError: If the SavedModel was not written by `export_encoder`.
    """
    path = pathlib.Path(path).expanduser()
    if not (path / "saved_model.pb").is_file():
        raise FileNotFoundError(
            "`path` must be the folder of a SavedModel, with saved_model.pb in it. "
            f"Received: {path}"
        )
    if not (path / _CARD).is_file():
        raise ValueError(
            "`path` must hold a SavedModel that `kc.export.export_encoder` wrote, "
            f"with {_CARD} beside it; for others use keras.layers.TFSMLayer. "
            f"Received: {path}"
        )
    return SavedEncoder(path, trainable=trainable)
