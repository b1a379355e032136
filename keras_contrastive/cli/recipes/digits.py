"""Recipes for the embedded digits, chosen on their validation images."""

import functools

from keras_contrastive.cli.recipes.recipe import Recipe

_digits = functools.partial(
    Recipe,
    dataset="contrastive_digits",
    encoder="convnet",
    image_size=16,
    augmentation="digits",
    optimizer="sgd",
    learning_rate=0.1,
    weight_decay=5e-4,
    warmup_epochs=5,
    epochs=100,
    batch_size=256,
    source="chosen here",
)
RECIPES = {
    "simclr_digits": _digits(
        method="simclr", arguments={"temperature": 0.5, "projection_dim": 64}
    ),
    "dcl_digits": _digits(
        method="dcl", arguments={"temperature": 0.5, "projection_dim": 64}
    ),
    "supcon_digits": _digits(
        method="supcon", arguments={"temperature": 0.5, "projection_dim": 64}
    ),
    # Queues of less than half of the 1,197 images.
    "moco_digits": _digits(
        method="moco",
        arguments={
            "temperature": 0.5,
            "projection_dim": 64,
            "queue_size": 512,
            "momentum": 0.9,
        },
    ),
    "moco_v3_digits": _digits(
        method="moco_v3",
        arguments={"projection_dim": 64, "hidden_dim": 256, "temperature": 0.5},
    ),
    "nnclr_digits": _digits(
        method="nnclr",
        arguments={
            "projection_dim": 64,
            "hidden_dim": 256,
            "prediction_dim": 256,
            "temperature": 0.5,
            "queue_size": 512,
        },
    ),
    # A jigsaw of 16 pixels shows little: a turn did better.
    "pirl_digits": _digits(
        method="pirl",
        arguments={
            "transform": "rotation",
            "negatives": 512,
            "projection_dim": 64,
            "temperature": 0.5,
        },
    ),
    "siamese_digits": _digits(method="siamese", arguments={"projection_dim": 64}),
    # Chosen on the validation images.
    "dae_digits": _digits(
        method="dae",
        augmentation="resize",
        optimizer="adam",
        learning_rate=3e-3,
        weight_decay=0.0,
        arguments={"corruption_rate": 0.5},
    ),
}
