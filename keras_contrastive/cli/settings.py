"""What a pretraining run depends on: the flags, and below them the recipe."""

import dataclasses
import math
from collections.abc import Mapping, Set
from typing import Any

from keras_contrastive.cli.arguments import given_to
from keras_contrastive.cli.methods import METHODS, Arguments
from keras_contrastive.cli.recipes import RECIPES, Recipe, cut_down, suiting

# What must fit into an epoch; see `fitted`.
_MEMORIES = ("queue_size", "negatives")
# After as many on the digits, features are worth most of what they come to in the end.
_FEW_STEPS = 100
# Side of views in pixels that a small net on CPUs learns from in minutes.
_SMALL = 64


@dataclasses.dataclass(frozen=True)
class Settings:
    """A pretraining run; written to `config.json`, which is enough to repeat it.

    `arguments` are those of the method; `recipe` is what the values that no flag gave
    came from.
    """

    method: str
    recipe: str
    dataset: str
    data_dir: str | None
    download: bool
    train_split: str | None
    encoder: str
    image_size: int
    augmentation: str
    augment_on: str
    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    weight_decay: float
    schedule: str
    warmup_epochs: float
    arguments: Arguments
    seed: int
    strategy: str
    mixed_precision: str
    jit_compile: bool
    steps_per_execution: int
    checkpoint_every: int | None
    knn_every: int
    image_dir: str | None = None
    image_labels: bool | None = None
    bad_files: str = "skip"
    odd_files: str = "use"
    image_digest: str | None = None

    @property
    def uses_labels(self) -> bool:
        """Whether the method learns from labels."""
        return METHODS[self.method].uses_labels(self.arguments)


def method_and_dataset(given: Mapping[str, Any]) -> tuple[str, str]:
    """Returns what is trained on what: the flags' word, else the recipe's.

    Args:
        given: Values of the flags by name, and in "explicit" the names of those that
            were given.
    """
    recipe = RECIPES.get(given["recipe"])
    return tuple(
        given[name]
        if recipe is None or name in given["explicit"]
        else getattr(recipe, name)
        for name in ("method", "dataset")
    )


def resolve(given: Mapping[str, Any], image_shape: tuple[int | None, ...]) -> Settings:
    """Returns complete settings: what was given, and the recipe's values.

    Args:
        given: Values of the flags by name; None where the recipe decides.
        image_shape: `(height, width, channels)` of the dataset's images.

    Raises:
        ValueError: If values do not go together.
    """
    method, dataset = method_and_dataset(given)
    side = image_shape[0] if image_shape[0] == image_shape[1] else None
    # What is in a folder may be of any size: then the views' says what is meant.
    seen = side if given["image_dir"] is None else given["image_size"] or side
    name = given["recipe"] or suiting(method, dataset, seen)
    recipe = RECIPES[name] if given["recipe"] else cut_down(RECIPES[name])
    own = given_to(method, given)
    names = {field.name for field in dataclasses.fields(Settings)}
    values = {key: value for key, value in given.items() if key in names}
    values |= {"method": method, "dataset": dataset, "recipe": name}
    for key, value in _defaults(recipe, given, side).items():
        if values[key] is None:
            values[key] = value
    _check(values)
    # A recipe of another method says nothing about this one's arguments.
    of_recipe = recipe.arguments if recipe.method == method else {}
    return Settings(
        **values, arguments={**METHODS[method].arguments, **of_recipe, **own}
    )


def _defaults(
    recipe: Recipe, given: Mapping[str, Any], side: int | None
) -> dict[str, Any]:
    """Returns the values of the flags that were not given."""
    fields = dataclasses.asdict(recipe)
    for name in ("method", "dataset", "arguments", "source"):
        del fields[name]
    if not given["recipe"] and recipe.dataset != "contrastive_digits":
        fields["image_size"] = min(side or 224, 224)
    epochs = given["epochs"] or recipe.epochs
    schedule = given["schedule"] or recipe.schedule
    share = recipe.warmup_epochs / recipe.epochs if schedule == "cosine" else 0
    return fields | {
        "warmup_epochs": share * epochs,
        "knn_every": math.ceil(epochs / 10),
    }


def _check(values: Mapping[str, Any]) -> None:
    """Stops at values that do not go together."""
    epochs, warmup = values["epochs"], values["warmup_epochs"]
    if warmup >= epochs:
        raise ValueError(
            f"`warmup_epochs` must be below the {epochs} epochs. Received: {warmup}"
        )
    if values["augment_on"] == "device" and not METHODS[values["method"]].pairs:
        raise ValueError(
            f"`augment_on` must be pipeline for {values['method']}. Received: device"
        )
    if warmup and values["schedule"] != "cosine":
        raise ValueError(
            "`warmup_epochs` must be 0 unless --schedule=cosine. "
            f"Received: {warmup} with --schedule={values['schedule']}"
        )


def fitted(settings: Settings, explicit: Set[str], images: int) -> Settings:
    """Cuts memories that no flag set down to half of the images, in whole batches.

    A queue as long as an epoch would hold an image's own old embedding, and a bank
    has no more entries than images.

    Args:
        settings: Of the run.
        explicit: Names of the flags that were given.
        images: Number of images to train on.

    Raises:
        ValueError: If the batch does not go with an argument.
    """
    batch = settings.batch_size
    # What enters a queue in a step.
    rows = batch * (2 if settings.arguments.get("symmetric") else 1)
    most = max(images // 2 // batch * batch, rows)
    smaller = {
        name: most
        for name, value in settings.arguments.items()
        if name in _MEMORIES
        and name not in explicit
        and isinstance(value, int)
        and value > most
    }
    arguments = settings.arguments | smaller
    _check_batch(arguments, batch, rows)
    return dataclasses.replace(settings, arguments=arguments)


def _check_batch(arguments: Arguments, batch: int, rows: int) -> None:
    """Stops at arguments that do not go with the size of the batch."""
    queue = arguments.get("queue_size")
    if queue is not None and queue < rows:
        raise ValueError(
            f"`queue_size` must be at least {rows}, which a step of "
            f"--batch_size={batch} puts in. Received: {queue}"
        )
    groups = arguments.get("batch_norm_groups") or 1
    if batch % groups or batch == groups:
        raise ValueError(
            f"`batch_norm_groups` must divide --batch_size={batch} and leave each "
            f"group two images at least. Received: {groups}"
        )
    chunk = arguments.get("chunk_size") or 1
    if batch % chunk:
        raise ValueError(
            f"`chunk_size` must divide --batch_size={batch}. Received: {chunk}"
        )


def few_steps(settings: Settings, images: int) -> str:
    """Returns a word on a run of few steps; nothing where they are enough.

    Args:
        settings: Of the run.
        images: Number of images that are trained on.
    """
    steps = images // settings.batch_size * settings.epochs
    if steps >= _FEW_STEPS:
        return ""
    return (
        f"{steps} steps are few to learn from: more --epochs or a smaller --batch_size "
        "make more of them."
    )


def remarks(settings: Settings, images: int, accelerator: bool = True) -> list[str]:
    """Returns what whoever started the run should know about its settings.

    Args:
        settings: Of the run.
        images: Number of images that are trained on.
        accelerator: Whether there is a GPU or a TPU.
    """
    lines = []
    if settings.encoder.startswith("resnet") and not accelerator:
        smaller = f" --image_size={_SMALL}" if settings.image_size > _SMALL else ""
        lines.append(
            f"There is no GPU or TPU here, and a {settings.encoder} takes hours or "
            "days without one; the bar below says how long. "
            f"--encoder=convnet{smaller} --batch_size=64 --epochs=50 make it small."
        )
    if few := few_steps(settings, images):
        lines.append(few)
    if settings.uses_labels:
        lines.append("The labels of these images are used.")
    recipe = RECIPES[settings.recipe]
    if recipe.method != settings.method:
        lines.append(
            f"Of {settings.recipe} only what is not {recipe.method}'s own is used."
        )
    usual = METHODS[settings.method].arguments | dict(recipe.arguments)
    for name in _MEMORIES:
        value, wanted = settings.arguments.get(name), usual.get(name)
        if not isinstance(value, int):
            continue
        if value > images - settings.batch_size:
            lines.append(
                f"--{name}={value} is an epoch of {images} images or more: an image "
                "meets its own old embedding."
            )
        elif isinstance(wanted, int) and value < wanted:
            lines.append(f"--{name} is {value}, not {wanted}: there are {images}.")
    return lines
