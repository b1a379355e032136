"""The augmentation policies of the papers, by name."""

from keras_contrastive.augment.color_jitter import ColorJitter
from keras_contrastive.augment.gaussian_blur import GaussianBlur
from keras_contrastive.augment.policy import Policy
from keras_contrastive.augment.random_affine import RandomAffine
from keras_contrastive.augment.random_resized_crop import RandomResizedCrop


def simclr(
    image_size: int,
    strength: float = 1.0,
    blur: bool = True,
    seed: int | None = None,
) -> Policy:
    """SimCLR's augmentation: crop and flip, colour jitter, grey, blur.

    Crop of 0.08-1 of the area with ratio 3/4-4/3 and a flip of half of the images;
    with probability 0.8 a jitter of `strength` x (0.8 brightness, 0.8 contrast,
    0.8 saturation, 0.2 hue) in random order; 0.2 grey; half blurred with sigma 0.1-2
    and a kernel of a tenth of the side. CIFAR's policy is `strength=0.5, blur=False`.

    Source: https://arxiv.org/abs/2002.05709, appendix A and B.9.

    Args:
        image_size: Side of the views in pixels.
        strength: Scale of the colour jitter, at least 0 and at most 2.5.
        blur: Whether half of the images are blurred.
        seed: Seed of the generator that serves calls without a seed.

    Returns:
        The policy, `(batch, height, width, 1 or 3)` to
        `(batch, image_size, image_size, 1 or 3)` float32 in [0, 1].

    Raises:
        ValueError: If an argument is out of its range.
    """
    if not 0 <= strength <= 2.5:
        raise ValueError(f"`strength` must be in [0, 2.5]. Received: {strength}")
    colour = 0.8 * strength
    layers = [
        RandomResizedCrop(image_size),
        ColorJitter(colour, colour, colour, 0.2 * strength, rate=0.8, grey_rate=0.2),
    ]
    if blur:
        layers.append(GaussianBlur(rate=0.5))
    return Policy(layers, seed=seed, name="simclr")


def moco_v1(image_size: int, seed: int | None = None) -> Policy:
    """MoCo v1's augmentation: crop and flip, colour jitter of every image, grey.

    Crop of 0.2-1 of the area and a flip of half of the images; all are jittered by
    (0.4 brightness, 0.4 contrast, 0.4 saturation, 0.4 hue) in random order; 0.2 grey.

    Source: https://arxiv.org/abs/1911.05722, section 3.3, and its authors' code.

    Args:
        image_size: Side of the views in pixels.
        seed: Seed of the generator that serves calls without a seed.

    Returns:
        The policy, `(batch, height, width, 1 or 3)` to
        `(batch, image_size, image_size, 1 or 3)` float32 in [0, 1].
    """
    layers = [
        RandomResizedCrop(image_size, area=(0.2, 1.0)),
        ColorJitter(0.4, 0.4, 0.4, 0.4, rate=1.0, grey_rate=0.2),
    ]
    return Policy(layers, seed=seed, name="moco_v1")


def moco_v2(image_size: int, seed: int | None = None) -> Policy:
    """MoCo v2's augmentation: v1's with SimCLR's blur and a milder hue.

    Crop of 0.2-1 of the area and a flip of half of the images; with probability 0.8 a
    jitter by (0.4 brightness, 0.4 contrast, 0.4 saturation, 0.1 hue) in random order;
    0.2 grey; half blurred with sigma 0.1-2 and a kernel of a tenth of the side.

    Source: https://arxiv.org/abs/2003.04297, section 3, and its authors' code.

    Args:
        image_size: Side of the views in pixels.
        seed: Seed of the generator that serves calls without a seed.

    Returns:
        The policy, `(batch, height, width, 1 or 3)` to
        `(batch, image_size, image_size, 1 or 3)` float32 in [0, 1].
    """
    layers = [
        RandomResizedCrop(image_size, area=(0.2, 1.0)),
        ColorJitter(0.4, 0.4, 0.4, 0.1, rate=0.8, grey_rate=0.2),
        GaussianBlur(rate=0.5),
    ]
    return Policy(layers, seed=seed, name="moco_v2")


def pirl(image_size: int, blur: bool = False, seed: int | None = None) -> Policy:
    """PIRL's augmentation of an image: crop and flip, colour jitter, grey.

    Crop of 0.08-1 of the area with ratio 3/4-4/3 and a flip of half of the images;
    every image is jittered by (0.4 brightness, 0.4 contrast, 0.4 saturation, 0.2 hue)
    in random order; 0.2 grey. What the image is compared with is made by `Jigsaw`,
    which treats the colours of its patches alike, or by `QuarterTurn`.

    Source: https://arxiv.org/abs/1912.01991, section 3.

    Args:
        image_size: Side of the views in pixels.
        blur: Whether half of the images are blurred, as in later variants with MLP
            heads.
        seed: Seed of the generator that serves calls without a seed.

    Returns:
        The policy, `(batch, height, width, 1 or 3)` to
        `(batch, image_size, image_size, 1 or 3)` float32 in [0, 1].
    """
    layers = [
        RandomResizedCrop(image_size),
        ColorJitter(0.4, 0.4, 0.4, 0.2, rate=1.0, grey_rate=0.2),
    ]
    if blur:
        layers.append(GaussianBlur(rate=0.5))
    return Policy(layers, seed=seed, name="pirl")


def digits(image_size: int, seed: int | None = None) -> Policy:
    """Augmentation for characters: turned, shifted, stretched, sheared, not flipped.

    A flip or a hard crop would turn one character into another; what a hand varies
    is slant, size, place and the strength of the stroke.

    Args:
        image_size: Side of the views in pixels.
        seed: Seed of the generator that serves calls without a seed.

    Returns:
        The policy, `(batch, height, width, 1 or 3)` to
        `(batch, image_size, image_size, 1 or 3)` float32 in [0, 1].
    """
    layers = [
        RandomAffine(image_size, rotation=0.06, shift=0.12, scale=1.25, shear=0.25),
        ColorJitter(0.4, 0.4, 0.0, 0.0, rate=0.8, grey_rate=0.0),
    ]
    return Policy(layers, seed=seed, name="digits")
