"""Named recipes: everything about a run but where it runs."""

import dataclasses

from keras_contrastive.cli.recipes import cifar10, digits, imagenet
from keras_contrastive.cli.recipes.recipe import Recipe

# Without a name, what a recipe asks of many devices is cut down to what one can do.
MOST_IMAGES, MOST_EPOCHS = 256, 200
_SMALL_SIDE = 64

RECIPES: dict[str, Recipe] = digits.RECIPES | cifar10.RECIPES | imagenet.RECIPES
_SUITING = {
    "simclr": ("simclr_digits", "simclr_cifar10_sgd", "simclr_imagenet"),
    "moco": ("moco_digits", "moco_v2_cifar10", "moco_v2_imagenet"),
}


def suiting(method: str, dataset: str, side: int | None) -> str:
    """Returns the name of the recipe that suits a dataset.

    Args:
        method: Name of the method.
        dataset: Name of the dataset.
        side: Side of its images in pixels; None when they are of several sizes.
    """
    kinds = ("digits", "cifar10", "imagenet")
    names = _SUITING.get(method) or [f"{method}_{kind}" for kind in kinds]
    if dataset == "contrastive_digits":
        return names[0]
    return names[1] if side is not None and side <= _SMALL_SIDE else names[2]


def cut_down(recipe: Recipe) -> Recipe:
    """Returns a recipe that one device can follow."""
    epochs = min(recipe.epochs, MOST_EPOCHS)
    return dataclasses.replace(
        recipe,
        epochs=epochs,
        warmup_epochs=recipe.warmup_epochs * epochs / recipe.epochs,
        batch_size=min(recipe.batch_size, MOST_IMAGES),
    )


def table() -> str:
    """Returns one line a recipe, by name."""
    width = max(map(len, RECIPES))
    return "\n".join(f"  {n:{width}}  {x.line()}" for n, x in RECIPES.items())
