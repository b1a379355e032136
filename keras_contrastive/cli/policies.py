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
    # The image as it is, for methods that damage it themselves.
    "resize": lambda size: augment.Policy(
        [augment.RandomAffine(size, rotation=0, shift=0, scale=1, shear=0)]
    ),
    "digits": lambda size: augment.digits(size),
}

# For training with labels, where the class has to stay what it is; None is no policy.
SUPERVISED: dict[str, Callable[[int], "augment.Policy | None"]] = {
    "none": lambda size: None,
    "crop_and_flip": lambda size: augment.crop_and_flip(size),
    "rand_augment": lambda size: augment.rand_augment(size),
    "digits": POLICIES["digits"],
    "simclr": POLICIES["simclr"],
    "simclr_cifar": POLICIES["simclr_cifar"],
}
