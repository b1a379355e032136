"""Brightness, contrast, saturation, hue and grey as one colour map an image."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.augment.pixels import as_unit_float
from keras_contrastive.augment.stateless import StatelessAugmentation

# ITU-R BT.601 luma.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# The generator of turns about the grey axis, (1, 1, 1).
_TURN = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], np.float32) / math.sqrt(3)
# The changes by the numbers that `order` has for them.
_SATURATION, _HUE = 2, 3


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ColorJitter(StatelessAugmentation):
    """Jitters the colours of each image, in an order of its own, then greys some.

    Each of the four changes is affine in the colour x of a pixel, with factors drawn
    for each image from `U(max(0, 1 - v), 1 + v)` (hue: `U(-v, v)` turns):

        brightness  x -> f x
        contrast    x -> f x + (1 - f) mean(x)       (mean of each channel)
        saturation  x -> f x + (1 - f) luma(x)
        hue         x -> x turned by f about the grey axis of the colour cube
        grey        x -> luma(x)

    so any order of them is one 3x3 matrix and one bias an image, and the pixels are
    read and written once. What the fusion leaves out is clipping in between; the
    result is clipped to [0, 1]. The turn about the grey axis equals HSV's hue at every
    third of a turn and keeps the mean of the channels where HSV keeps the largest;
    it is two to three times closer to HSV than a turn in the YIQ plane. Images of one
    channel have no saturation and no hue.

    Source: SimCLR (https://arxiv.org/abs/2002.05709), appendix A.

    Args:
        brightness: Strength, at least 0.
        contrast: Strength, at least 0.
        saturation: Strength, at least 0.
        hue: Strength in turns, in [0, 0.5].
        rate: Probability that an image is jittered, in [0, 1].
        grey_rate: Probability that an image is made grey, in [0, 1].
        **kwargs: See `StatelessAugmentation`.

    Raises:
        ValueError: If a strength or a rate is out of its range.
    """

    def __init__(
        self,
        brightness: float = 0.8,
        contrast: float = 0.8,
        saturation: float = 0.8,
        hue: float = 0.2,
        rate: float = 0.8,
        grey_rate: float = 0.2,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.brightness = _within("brightness", brightness, math.inf)
        self.contrast = _within("contrast", contrast, math.inf)
        self.saturation = _within("saturation", saturation, math.inf)
        self.hue = _within("hue", hue, 0.5)
        self.rate = _within("rate", rate, 1)
        self.grey_rate = _within("grey_rate", grey_rate, 1)

    def draw(
        self, seed: tf.Tensor, count: tf.Tensor | int, images: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Draws a factor a change, `(count,)`, `order`, `jittered` and `grey`.

        `order`, `(count, 4)`, numbers the changes as the class lists them; `turn`,
        `(count, 3, 3)`, is hue's matrix.
        """
        # One tensor a factor: TensorFlow 2.21's graph optimizer loses the new axes
        # of `stacked[:, i, None]`.
        numbers = _seeded.uniform([count, 10], seed)
        strengths = (self.brightness, self.contrast, self.saturation)
        brightness, contrast, saturation = (
            _between(numbers[:, i], max(0.0, 1 - strength), 1 + strength)
            for i, strength in enumerate(strengths)
        )
        hue = _between(numbers[:, 3], -self.hue, self.hue)
        return {
            "brightness": brightness,
            "contrast": contrast,
            "saturation": saturation,
            "hue": hue,
            "turn": turn(hue),
            "order": tf.argsort(numbers[:, 4:8], axis=1),
            "jittered": numbers[:, 8] < self.rate,
            "grey": numbers[:, 9] < self.grey_rate,
        }

    def augment_images(
        self,
        images: tf.Tensor,
        transformations: dict[str, tf.Tensor],
        compilable: bool = False,
        **kwargs: Any,
    ) -> tf.Tensor:
        """Builds the colour map of each image and applies it to its pixels."""
        images = as_unit_float(images)
        channels = images.shape[-1]
        if channels not in (1, 3):
            raise ValueError(
                "`inputs` must have 1 or 3 channels, last. Received: shape "
                f"{images.shape}"
            )
        # Over one axis after the other, and the bias by rows of the image: where the
        # innermost axis is the channels', TensorFlow's kernels are slow.
        means = tf.reduce_mean(tf.reduce_mean(images, axis=1), axis=1)
        matrix, bias = self.colour_map(means, transformations)
        height, width = images.shape[1:3]
        flat = tf.reshape(images, [-1, height * width, channels])
        flat = tf.matmul(flat, matrix, transpose_b=True)
        rows = tf.reshape(flat, [-1, height, width * channels])
        rows += tf.tile(bias, [1, width])[:, None]
        # One pass over the pixels, where tf.clip_by_value makes two.
        rows = tf.raw_ops.ClipByValue(t=rows, clip_value_min=0.0, clip_value_max=1.0)
        return tf.reshape(rows, tf.shape(images))

    def colour_map(
        self, means: tf.Tensor, transformations: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the composed map of each image.

        Brightness b and contrast c are numbers, and the mean of what a linear map
        makes is the map of the mean, so wherever they stand in the order

            x -> b c G x + b (1 - c) G mean(x)

        with saturation and hue in G. A turn T leaves grey as it is, T 1 = 1, so with
        luma's weights l

            G = s T + (1 - s) 1 l'      saturation before hue
            G = s T + (1 - s) 1 l' T    hue before saturation

        Args:
            means: Mean colour of each image, `(batch, channels)`.
            transformations: What `draw` returned, for these images.

        Returns:
            `(batch, channels, channels)` and `(batch, channels)`: the matrix and the
            bias that take a colour to its jittered one.
        """
        channels = means.shape[-1]
        brightness, contrast = (
            transformations[name][:, None] for name in ("brightness", "contrast")
        )
        eye = tf.eye(channels)
        hues = eye[None] if channels == 1 else _saturated_turn(transformations)
        matrix = (brightness * contrast)[..., None] * hues
        bias = brightness * (1 - contrast) * tf.linalg.matvec(hues, means)
        jittered = transformations["jittered"]
        matrix = tf.where(jittered[:, None, None], matrix, eye)
        bias = tf.where(jittered[:, None], bias, 0.0)
        if channels == 1:
            return matrix, bias
        grey = transformations["grey"]
        to_luma = tf.tile(_LUMA[None], [3, 1])
        matrix = tf.where(grey[:, None, None], to_luma @ matrix, matrix)
        bias = tf.where(grey[:, None], tf.linalg.matvec(to_luma, bias), bias)
        return matrix, bias

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "brightness": self.brightness,
            "contrast": self.contrast,
            "saturation": self.saturation,
            "hue": self.hue,
            "rate": self.rate,
            "grey_rate": self.grey_rate,
        }


def turn(hue: tf.Tensor) -> tf.Tensor:
    """Returns the turns about the grey axis, `(batch, 3, 3)`, of `(batch,)` turns."""
    angle = 2 * math.pi * hue[:, None, None]
    cos, sin = tf.cos(angle), tf.sin(angle)
    return cos * tf.eye(3) + (1 - cos) / 3 + sin * _TURN


def _saturated_turn(transformations: dict[str, tf.Tensor]) -> tf.Tensor:
    """Returns G, saturation and hue in their order, `(batch, 3, 3)`."""
    saturation = transformations["saturation"][:, None, None]
    turned = transformations["turn"]
    order = transformations["order"]
    saturation_at, hue_at = (
        tf.argmax(tf.cast(order == change, tf.int32), axis=1)
        for change in (_SATURATION, _HUE)
    )
    hue_first = (hue_at < saturation_at)[:, None, None]
    # (batch, 1, 3)
    luma = tf.where(hue_first, tf.matmul(_LUMA[None], turned), _LUMA)
    return saturation * turned + (1 - saturation) * luma


def _within(name: str, value: float, highest: float) -> float:
    if not 0 <= value <= highest:
        raise ValueError(f"`{name}` must be in [0, {highest}]. Received: {value}")
    return value


def _between(numbers: tf.Tensor, low: float, high: float) -> tf.Tensor:
    return low + (high - low) * numbers
