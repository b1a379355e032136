"""Image batch to view: keras-cv layers, and policies made of them."""

from keras_contrastive.augment.color_jitter import ColorJitter
from keras_contrastive.augment.gaussian_blur import GaussianBlur
from keras_contrastive.augment.jigsaw import Jigsaw
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
from keras_contrastive.augment.stateless import StatelessAugmentation

__all__ = [
    "ColorJitter",
    "GaussianBlur",
    "Jigsaw",
    "Policy",
    "QuarterTurn",
    "RandomAffine",
    "RandomResizedCrop",
    "StatelessAugmentation",
    "digits",
    "moco_v1",
    "moco_v2",
    "pirl",
    "simclr",
]
