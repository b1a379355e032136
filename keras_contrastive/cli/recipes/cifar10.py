"""Recipes for CIFAR-10 and other small images.

The papers' nets differ; here it is the ResNet-18 that published comparisons of methods
use.
"""

import functools

from keras_contrastive.cli.recipes.recipe import Recipe

_cifar10 = functools.partial(
    Recipe,
    dataset="cifar10",
    encoder="resnet18",
    image_size=32,
    augmentation="simclr_cifar",
)
_cifar10_sgd = functools.partial(
    _cifar10,
    optimizer="sgd",
    learning_rate=0.06,
    weight_decay=5e-4,
    warmup_epochs=10,
    epochs=200,
    batch_size=256,
    source="no paper's: SGD, as comparisons on one GPU have it",
)
_pirl_cifar10 = functools.partial(
    _cifar10_sgd, method="pirl", augmentation="pirl", augment_on="device"
)
RECIPES = {
    "simclr_cifar10": _cifar10(
        method="simclr",
        optimizer="lars",
        learning_rate=1.0,
        weight_decay=1e-4,
        warmup_epochs=10,
        epochs=1000,
        batch_size=512,
        arguments={"temperature": 0.5},
        source="https://arxiv.org/abs/2002.05709, appendix B.9",
    ),
    "simclr_cifar10_sgd": _cifar10_sgd(method="simclr", arguments={"temperature": 0.5}),
    "dcl_cifar10": _cifar10_sgd(method="dcl", arguments={"temperature": 0.5}),
    # 0.5 at its batch.
    "supcon_cifar10": _cifar10(
        method="supcon",
        optimizer="sgd",
        learning_rate=0.125,
        weight_decay=1e-4,
        warmup_epochs=10,
        epochs=1000,
        batch_size=1024,
        source="https://arxiv.org/abs/2004.11362, the authors' code",
    ),
    # 0.06 at its batch. A queue of a twelfth of an epoch: one as long as an epoch
    # would hold an image's own old key as a negative.
    "moco_v2_cifar10": _cifar10(
        method="moco",
        optimizer="sgd",
        learning_rate=0.03,
        weight_decay=5e-4,
        epochs=200,
        batch_size=512,
        arguments={
            "queue_size": 4096,
            "momentum": 0.99,
            "temperature": 0.1,
            "projection_layers": 1,
        },
        source="the authors' notebook moco_cifar10_demo",
    ),
    "moco_v3_cifar10": _cifar10_sgd(
        method="moco_v3", arguments={"hidden_dim": 2048, "temperature": 0.2}
    ),
    # A queue of a sixth of an epoch; the paper's would hold every image twice.
    "nnclr_cifar10": _cifar10_sgd(
        method="nnclr", arguments={"queue_size": 8192, "temperature": 0.2}
    ),
    "pirl_cifar10": _pirl_cifar10(arguments={"negatives": 4096}),
    "pirl_rotation_cifar10": _pirl_cifar10(
        arguments={"negatives": 4096, "transform": "rotation"}
    ),
    "siamese_cifar10": _cifar10_sgd(method="siamese"),
    "dae_cifar10": _cifar10(
        method="dae",
        augmentation="resize",
        optimizer="adam",
        learning_rate=1e-3,
        weight_decay=0.0,
        epochs=200,
        batch_size=256,
        source="no paper's",
    ),
}
