"""Augmentation policies by the name that the command line has for them."""

from collections.abc import Callable

from keras_contrastive import augment

# Looked up when they are called: importing keras-cv takes seconds.
POLICIES: dict[str, Callable[[int], "augment.Policy"]] = {
    "simclr": lambda size: augment.simclr(size),
    "simclr_cifar": lambda size: augment.simclr(size, strength=0.5, blur=False),
    "moco_v1": lambda size: augment.moco_v1(size),
    "moco_v2": lambda size: augment.moco_v2(size),
    "pirl": lambda size: augment.pirl(size),
    "digits": lambda size: augment.digits(size),
}
