"""Image batch to view: keras-cv layers, and policies made of them."""

from keras_contrastive.augment.color_jitter import ColorJitter
from keras_contrastive.augment.corruption import Corruption
from keras_contrastive.augment.gaussian_blur import GaussianBlur
from keras_contrastive.augment.gaussian_noise import GaussianNoise
from keras_contrastive.augment.jigsaw import Jigsaw
from keras_contrastive.augment.masking import Masking
from keras_contrastive.augment.policy import Policy
from keras_contrastive.augment.quarter_turn import QuarterTurn
from keras_contrastive.augment.random_affine import RandomAffine
from keras_contrastive.augment.random_resized_crop import RandomResizedCrop
from keras_contrastive.augment.recipes import (
    digits,
    moco_v1,
    moco_v2,
    pirl,
    simclr,
)
from keras_contrastive.augment.salt_and_pepper import SaltAndPepper
from keras_contrastive.augment.stateless import StatelessAugmentation
from keras_contrastive.augment.supervised import crop_and_flip, rand_augment

__all__ = [
    "ColorJitter",
    "Corruption",
    "GaussianBlur",
    "GaussianNoise",
    "Jigsaw",
    "Masking",
    "Policy",
    "QuarterTurn",
    "RandomAffine",
    "RandomResizedCrop",
    "SaltAndPepper",
    "StatelessAugmentation",
    "crop_and_flip",
    "digits",
    "moco_v1",
    "moco_v2",
    "pirl",
    "rand_augment",
    "simclr",
]
