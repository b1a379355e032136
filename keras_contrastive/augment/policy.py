"""A list of augmentation layers that makes one view of every image."""

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.augment.pixels import as_unit_float, checked
from keras_contrastive.augment.stateless import StatelessAugmentation


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Policy(keras.layers.Layer):
    """Applies augmentation layers in order: image batch to view.

    The layers of this package and keras-cv's mix freely. With ours alone the view is
    a function of the images and the seed; a keras-cv layer draws from a generator of
    its own, so a policy that holds one is not `reproducible`, and says so when it is
    given a seed.

        policy = kc.augment.simclr(32)
        cutout = keras_cv.layers.RandomCutout(0.5, 0.5)
        policy = kc.augment.Policy([*policy.layers, cutout])

    Args:
        layers: Keras layers that take and return images in [0, 1].
        seed: Seed of the generator that serves calls without a seed.
        **kwargs: `name`.

    Raises:
        TypeError: If `layers` is not a list of Keras layers.
        ValueError: If `layers` is empty.
    """

    def __init__(
        self,
        layers: Sequence[keras.layers.Layer],
        seed: int | None = None,
        **kwargs: Any,
    ):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if not isinstance(layers, list | tuple) or not all(
            isinstance(layer, keras.layers.Layer) for layer in layers
        ):
            raise TypeError(
                f"`layers` must be a list of Keras layers. Received: {layers!r}"
            )
        if not layers:
            raise ValueError(
                "`layers` must hold at least one layer: an empty policy would show "
                f"the same image twice. Received: {layers!r}"
            )
        self.layers = list(layers)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    @property
    def reproducible(self) -> bool:
        """Whether the views are a function of the images and the seed alone."""
        return all(isinstance(layer, StatelessAugmentation) for layer in self.layers)

    def call(
        self,
        images: tf.Tensor,
        seed: Any = None,
        offset: tf.Tensor | int = 0,
        total: tf.Tensor | int | None = None,
        compilable: bool = False,
    ) -> tf.Tensor:
        """Returns one view of each image.

        Args:
            images: `(batch, height, width, channels)`, uint8 or float in [0, 1].
            seed: Two integers; the same seed and images give the same view in every
                thread and process. None draws from the policy's own generator.
            offset: Index of the first of these images in the global batch.
            total: Size of the global batch; None when these images are all of it.
            compilable: Whether only operations that XLA compiles may be used.

        Returns:
            `(batch, image_size, image_size, channels)` float32 in [0, 1].

        Raises:
            ValueError: If the images have another rank.
            tf.errors.InvalidArgumentError: If floats lie outside [0, 1] or are NaN.
        """
        images = checked(images)
        if images.shape.rank != 4:
            raise ValueError(
                "`images` must have shape (batch, height, width, channels). "
                f"Received: shape {images.shape}"
            )
        if seed is None:
            seed = tf.cast(self.seed_generator.next(), tf.int64)
        elif not self.reproducible:
            warnings.warn(
                f"{self.name} was given a seed but is not reproducible: it holds "
                f"{[type(layer).__name__ for layer in self._foreign()]}, which draw "
                "from generators of their own.",
                stacklevel=2,
            )
        seed = tf.convert_to_tensor(seed)
        for index, layer in enumerate(self.layers):
            if isinstance(layer, StatelessAugmentation):
                images = layer(
                    images,
                    seed=_seeded.fold_in(seed, index),
                    offset=offset,
                    total=total,
                    compilable=compilable,
                )
            else:
                images = layer(as_unit_float(images), training=True)
        images = as_unit_float(images)
        # Our layers keep the range; another's may overshoot.
        return images if self.reproducible else tf.clip_by_value(images, 0, 1)

    def _foreign(self) -> list[keras.layers.Layer]:
        return [x for x in self.layers if not isinstance(x, StatelessAugmentation)]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        layers = [keras.saving.serialize_keras_object(x) for x in self.layers]
        return {**super().get_config(), "layers": layers, "seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Policy":
        """Rebuilds the policy and its layers."""
        layers = [keras.saving.deserialize_keras_object(x) for x in config["layers"]]
        return cls(**{**config, "layers": layers})
