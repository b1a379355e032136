"""`keras-contrastive evaluate`: what exported features are worth with few labels."""

from typing import Any

from absl import flags

from keras_contrastive import evaluation
from keras_contrastive.cli import source
from keras_contrastive.cli.commands import Command
from keras_contrastive.cli.worth import table


def define(values: flags.FlagValues) -> None:
    """Defines the command's flags."""
    source.define(values)
    flags.DEFINE_list(
        "labels_per_class",
        ["1", "5", "all"],
        "Budgets of labels, separated by commas; by default those that the smallest "
        "class has images for.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "draws", 5, "Draws of the labels at each budget.", 1, flag_values=values
    )
    flags.DEFINE_integer(
        "images",
        10_000,
        "Images of each split that are read.",
        10,
        flag_values=values,
    )


def run(given: dict[str, Any]) -> None:
    """Prints the table of raw pixels beside the encoder."""
    budgets = None
    if "labels_per_class" in given["explicit"]:
        budgets = [budget(text) for text in given["labels_per_class"]]
    found = source.find(given, trainable=False)
    train, test = (
        found.load(split).take(given["images"])
        for split in (found.splits.train, found.splits.test)
    )
    results = table(
        train,
        test,
        {"encoder": found.encoder},
        found.image_size,
        budgets,
        given["draws"],
        given["seed"],
    )
    print(
        f"{found.description.name}: {int(test.cardinality())} images of "
        f"{found.splits.test!r}, with labels of {found.splits.train!r} (mean ± spread "
        f"of {given['draws']} draws):\n"
    )
    print(evaluation.label_efficiency_table(results))


def budget(text: str) -> int | None:
    """Reads one budget: a number of labels a class, or "all".

    Raises:
        ValueError: If it is neither.
    """
    text = text.strip()
    if text == "all":
        return None
    if not text.isdigit() or int(text) < 1:
        raise ValueError(
            "`labels_per_class` must be positive numbers or 'all', separated by "
            f"commas. Received: {text!r}"
        )
    return int(text)


COMMAND = Command(
    "evaluate",
    "Say what exported features are worth with few labels, beside raw pixels.",
    define,
    run,
)
