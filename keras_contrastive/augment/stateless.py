"""The base of every augmentation here: keras-cv's, with its randomness in a seed."""

from typing import Any

import tensorflow as tf
from keras_cv.layers import VectorizedBaseImageAugmentationLayer

_GEOMETRY = ("bounding_boxes", "keypoints", "segmentation_masks")


class StatelessAugmentation(VectorizedBaseImageAugmentationLayer):
    """A keras-cv augmentation layer whose output is a function of (images, seed).

    A subclass says in `draw` which few numbers an image needs and in `augment_images`
    what they do to the pixels. All that is random is drawn for the whole global batch
    and then sliced, so a batch that is split over replicas is augmented exactly as the
    same batch on one device.

    Args:
        dtype: Always computed in float32 unless given, whatever the global policy:
            pixel coordinates and colour maps lose too much in 16 bits.
        **kwargs: `name`, and `seed` for the generator that serves calls without a
            seed.
    """

    def __init__(self, seed: int | None = None, dtype: Any = "float32", **kwargs):
        super().__init__(seed=seed, dtype=dtype, **kwargs)
        self.seed = seed

    def draw(
        self, seed: tf.Tensor, count: tf.Tensor | int, images: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Draws the random numbers of `count` images.

        What is computed of them by exp, cos and their like is computed here too: the
        last bit depends on an element's place in its tensor, and so on the split.

        Args:
            seed: Two integers, `(2,)`.
            count: Number of images in the global batch.
            images: The local images, for their static height, width and channels.

        Returns:
            Tensors whose first axis is `count`.
        """
        raise NotImplementedError

    def augment_images(
        self,
        images: tf.Tensor,
        transformations: dict[str, tf.Tensor],
        compilable: bool = False,
        **kwargs: Any,
    ) -> tf.Tensor:
        """Applies what `draw` returned, sliced to these images.

        Args:
            images: `(batch, height, width, channels)`, uint8 or float in [0, 1].
            transformations: What `draw` returned, for these images.
            compilable: Whether only operations that XLA compiles may be used.
            **kwargs: Ignored; keras-cv passes labels here.

        Returns:
            `(batch, height, width, channels)` float32 in [0, 1].
        """
        raise NotImplementedError

    def get_random_transformation_batch(
        self,
        batch_size: tf.Tensor | int,
        images: tf.Tensor | None = None,
        seed: Any = None,
        offset: tf.Tensor | int = 0,
        total: tf.Tensor | int | None = None,
        **kwargs: Any,
    ) -> dict[str, tf.Tensor]:
        """Draws for the global batch and keeps this replica's rows."""
        seed = self.seed_of_call(seed)
        if total is None:
            return self.draw(seed, batch_size, images)
        drawn = self.draw(seed, total, images)
        # By their sizes and not by -1, which would make the other axes unknown, too,
        # where the size of the batch is.
        return {
            name: tf.slice(
                value,
                [offset] + [0] * (value.shape.rank - 1),
                [batch_size, *(-1 if n is None else n for n in value.shape[1:])],
            )
            for name, value in drawn.items()
        }

    def seed_of_call(self, seed: Any) -> tf.Tensor:
        """Returns the seed that was given, `(2,)`, or one of the layer's generator."""
        if seed is None:
            seed = self._random_generator.uniform_full_int([2], tf.int64)
        return tf.convert_to_tensor(seed)

    def changed(
        self,
        images: tf.Tensor,
        seed: Any,
        offset: tf.Tensor | int,
        total: tf.Tensor | int | None,
        compilable: bool,
    ) -> tf.Tensor:
        """Draws for a batch and changes it; the arguments are those of `call`."""
        # A static size keeps every shape below static, which XLA needs.
        batch_size = images.shape[0] or tf.shape(images)[0]
        drawn = self.get_random_transformation_batch(
            batch_size, images=images, seed=seed, offset=offset, total=total
        )
        return self.augment_images(images, drawn, compilable=compilable)

    def call(
        self,
        inputs: Any,
        seed: Any = None,
        offset: tf.Tensor | int = 0,
        total: tf.Tensor | int | None = None,
        compilable: bool = False,
    ) -> Any:
        """Augments images, or the `"images"` of a keras-cv dictionary.

        Args:
            inputs: `(batch, height, width, channels)` or one
                `(height, width, channels)`, uint8 or float in [0, 1]; or a dictionary
                with such `"images"`, whose other entries pass through.
            seed: Two integers that fix every random number; None draws them from the
                layer's own generator.
            offset: Index of the first of these images in the global batch.
            total: Size of the global batch; None when these images are all of it.
            compilable: Whether only operations that XLA compiles may be used.

        Returns:
            The same structure, images float32 in [0, 1].

        Raises:
            ValueError: If the images have another rank, or the dictionary holds boxes,
                keypoints or masks, which these layers would leave behind.
        """
        if isinstance(inputs, dict):
            if geometry := [name for name in _GEOMETRY if name in inputs]:
                raise ValueError(
                    f"{type(self).__name__} transforms images alone and would leave "
                    f"{geometry} where they were. Expected `inputs` with 'images' and "
                    f"'labels'. Received: inputs with keys {sorted(inputs)}"
                )
            options = {"seed": seed, "offset": offset, "total": total}
            images = self.call(inputs["images"], compilable=compilable, **options)
            return {**inputs, "images": images}
        images = tf.convert_to_tensor(inputs)
        if images.shape.rank == 3:
            return self.call(images[None], seed, offset, total, compilable)[0]
        if images.shape.rank != 4:
            raise ValueError(
                "`inputs` must be images of shape (batch, height, width, channels) or "
                f"(height, width, channels). Received: shape {images.shape}"
            )
        return self.changed(images, seed, offset, total, compilable)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "seed": self.seed}
