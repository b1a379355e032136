"""Recipes for ImageNet, with the papers' values."""

import functools

from keras_contrastive.cli.recipes.recipe import Recipe

_imagenet = functools.partial(
    Recipe, dataset="imagenet2012", encoder="resnet50", image_size=224
)
_imagenet_lars = functools.partial(
    _imagenet,
    augmentation="simclr",
    optimizer="lars",
    learning_rate=0.3,
    weight_decay=1e-6,
    warmup_epochs=10,
)
_imagenet_sgd = functools.partial(
    _imagenet,
    optimizer="sgd",
    learning_rate=0.03,
    weight_decay=1e-4,
    epochs=200,
    batch_size=256,
)
_pirl_imagenet = functools.partial(
    _imagenet_sgd,
    method="pirl",
    augmentation="pirl",
    augment_on="device",
    epochs=800,
    batch_size=1024,
    source="https://arxiv.org/abs/1912.01991",
)
RECIPES = {
    "simclr_imagenet": _imagenet_lars(
        method="simclr",
        epochs=100,
        batch_size=4096,
        source="https://arxiv.org/abs/2002.05709, its default of 100 epochs",
    ),
    "dcl_imagenet": _imagenet_lars(
        method="dcl",
        epochs=200,
        batch_size=256,
        source="https://arxiv.org/abs/2110.06848: SimCLR's at batch 256, 200 epochs",
    ),
    # With SimCLR's views in place of the paper's AutoAugment.
    "supcon_imagenet": _imagenet_lars(
        method="supcon",
        learning_rate=0.4,
        epochs=350,
        batch_size=6144,
        weight_decay=1e-3,
        source="https://arxiv.org/abs/2004.11362, the authors' code",
    ),
    "moco_v1_imagenet": _imagenet_sgd(
        method="moco",
        augmentation="moco_v1",
        schedule="steps",
        arguments={"temperature": 0.07, "projection_layers": 1},
        source="https://arxiv.org/abs/1911.05722",
    ),
    "moco_v2_imagenet": _imagenet_sgd(
        method="moco",
        augmentation="moco_v2",
        source="https://arxiv.org/abs/2003.04297",
    ),
    # With MoCo v2's views in place of BYOL's, whose two are made differently.
    "moco_v3_imagenet": _imagenet_lars(
        method="moco_v3",
        augmentation="moco_v2",
        learning_rate=0.6,
        epochs=100,
        batch_size=4096,
        source="https://arxiv.org/abs/2104.02057, the authors' code",
    ),
    "nnclr_imagenet": _imagenet_lars(
        method="nnclr",
        epochs=1000,
        batch_size=4096,
        source="https://arxiv.org/abs/2104.14548",
    ),
    "pirl_imagenet": _pirl_imagenet(),
    "pirl_rotation_imagenet": _pirl_imagenet(arguments={"transform": "rotation"}),
    "siamese_imagenet": _imagenet_sgd(
        method="siamese",
        augmentation="moco_v2",
        source="no paper's: the optimizer and the views of MoCo v2",
    ),
    "dae_imagenet": _imagenet(
        method="dae",
        augmentation="moco_v2",
        optimizer="adam",
        learning_rate=1e-3,
        weight_decay=0.0,
        epochs=100,
        batch_size=256,
        arguments={"patch_size": 16, "corruption_rate": 0.5},
        source="no paper's",
    ),
}
