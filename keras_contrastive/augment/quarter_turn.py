"""The other transformation of PIRL: a turn by a multiple of 90 degrees."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.augment.pixels import as_unit_float
from keras_contrastive.augment.stateless import StatelessAugmentation


@keras.saving.register_keras_serializable(package="keras_contrastive")
class QuarterTurn(StatelessAugmentation):
    """Turns each square image by 0, 90, 180 or 270 degrees, as likely as each other.

    No pixel is interpolated. Counter-clockwise, as `np.rot90`.

    Source: Gidaris et al. 2018 (https://arxiv.org/abs/1803.07728); as PIRL's
    transformation, Misra & van der Maaten 2019 (https://arxiv.org/abs/1912.01991).
    """

    def draw(
        self, seed: tf.Tensor, count: tf.Tensor | int, images: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Draws `turns`, `(count,)` int32: quarters, 0 to 3."""
        return {"turns": tf.cast(_seeded.integers([count], seed, 4), tf.int32)}

    def augment_images(
        self,
        images: tf.Tensor,
        transformations: dict[str, tf.Tensor],
        compilable: bool = False,
        **kwargs: Any,
    ) -> tf.Tensor:
        """Turns by a transposition and two mirrors, of which an image needs some."""
        if not images.shape[1:2].is_compatible_with(images.shape[2:3]):
            raise ValueError(
                "`inputs` must be square: a quarter turn would exchange height and "
                f"width. Received: shape {images.shape}"
            )
        images = as_unit_float(images)
        turns = transformations["turns"][:, None, None, None]
        odd = turns % 2 == 1
        images = tf.where(odd, tf.transpose(images, [0, 2, 1, 3]), images)
        upside_down = (turns == 1) | (turns == 2)
        images = tf.where(upside_down, tf.reverse(images, [1]), images)
        return tf.where(turns >= 2, tf.reverse(images, [2]), images)
