"""`keras-contrastive evaluate`: what exported features are worth with few labels."""

from typing import Any

from absl import flags

from keras_contrastive import evaluation
from keras_contrastive.cli import source
from keras_contrastive.cli.commands import Command
from keras_contrastive.cli.worth import NEIGHBOURS, announce, hints, table


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
    """Prints the table of raw pixels beside the encoder, of another set maybe."""
    budgets = None
    if "labels_per_class" in given["explicit"]:
        budgets = [budget(text) for text in given["labels_per_class"]]
    found = source.find(given, trainable=False)
    train, held_out = (
        found.load(split).take(given["images"])
        for split in (found.train, found.held_out)
    )
    draws, seed = given["draws"], given["seed"]
    encoders = {} if found.transferred else {"encoder": found.encoder}
    results = table(train, held_out, encoders, found.image_size, budgets, draws, seed)
    target = found.description.name
    if found.transferred:
        learnt_from = found.learnt_from or "an exported encoder"
        name = f"encoder of {learnt_from}"
        announce(name)
        moved = evaluation.transfer(
            found.encoder,
            train,
            held_out,
            learnt_from,
            target,
            [x.labels_per_class for x in next(iter(results.values()))],
            draws,
            seed,
            NEIGHBOURS,
        )
        print(f"{moved}.")
        results[name] = moved.efficiency
    count = int(held_out.cardinality())
    print(
        f"{target}: {count} images of {found.held_out!r}, with "
        f"labels of {found.train!r} (mean ± spread of {draws} draws):\n"
    )
    print(evaluation.label_efficiency_table(results))
    for line in hints(results, count):
        print(f"\n{line}")
    print(f"\n{found.reading()}")


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
