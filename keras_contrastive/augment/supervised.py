"""Augmentation for training with labels: what leaves the class as it is."""

import keras_cv

from keras_contrastive.augment.policy import Policy
from keras_contrastive.augment.random_resized_crop import RandomResizedCrop


def crop_and_flip(
    image_size: int,
    area: tuple[float, float] = (0.08, 1.0),
    flip_rate: float = 0.5,
    seed: int | None = None,
) -> Policy:
    """Random resized crops, flipped or not: what supervised training starts from.

    The only augmentation of SimCLR's fine-tuning
    (https://arxiv.org/abs/2002.05709, appendix B.5); the crop is that of Szegedy et
    al. 2015 (https://arxiv.org/abs/1409.4842), section 6.

    Args:
        image_size: Side of the views in pixels.
        area: Lowest and highest share of the image that a crop covers, in (0, 1].
        flip_rate: Probability of a horizontal flip, in [0, 1].
        seed: Seed of the generator that serves calls without a seed.

    Returns:
        The policy, `(batch, height, width, channels)` to
        `(batch, image_size, image_size, channels)` float32 in [0, 1].

    Raises:
        ValueError: If an argument is out of its range.
    """
    crop = RandomResizedCrop(image_size, area=area, flip_rate=flip_rate)
    return Policy([crop], seed=seed, name="crop_and_flip")


def rand_augment(
    image_size: int,
    count: int = 2,
    magnitude: float = 0.3,
    area: tuple[float, float] = (0.08, 1.0),
    seed: int | None = None,
) -> Policy:
    """Crops and flips, then keras-cv's RandAugment of colour images.

    Each image takes `count` operations at random, of contrast, equalisation,
    solarisation, colour, brightness, shear and translation. The numbers are those of
    the paper for ImageNet, where the magnitude is 9 on a scale of 30. keras-cv draws
    from generators of its own: the policy is not `reproducible`.

    Source: Cubuk et al. 2019 (https://arxiv.org/abs/1909.13719), section 4.3.

    Args:
        image_size: Side of the views in pixels.
        count: Operations an image, at least 1.
        magnitude: Mean of their strength, in [0, 1].
        area: Lowest and highest share of the image that a crop covers, in (0, 1].
        seed: Seed of the generator that serves calls without a seed.

    Returns:
        The policy, `(batch, height, width, 3)` to `(batch, image_size, image_size, 3)`
        float32 in [0, 1].

    Raises:
        ValueError: If an argument is out of its range.
    """
    if count < 1:
        raise ValueError(f"`count` must be at least 1. Received: {count}")
    if not 0 <= magnitude <= 1:
        raise ValueError(f"`magnitude` must be in [0, 1]. Received: {magnitude}")
    operations = keras_cv.layers.RandAugment(
        value_range=(0, 1),
        augmentations_per_image=count,
        magnitude=magnitude,
        dtype="float32",
    )
    crop = RandomResizedCrop(image_size, area=area)
    return Policy([crop, operations], seed=seed, name="rand_augment")
