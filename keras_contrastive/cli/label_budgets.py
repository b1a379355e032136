"""How many labels a classifier is trained with: flags, budgets, and their table."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags

from keras_contrastive.cli.evaluate import budget
from keras_contrastive.evaluation.few_labels import spread
from keras_contrastive.evaluation.label_table import aligned, cell


@dataclasses.dataclass
class LabelBudget:
    """A number of labels, and how well classifiers do with it.

    Attributes:
        name: As it was asked for: "5", "1%" or "all".
        per_class: Labels a class; None for all that there are.
        accuracies: On the test images, one a draw.
    """

    name: str
    per_class: int | None
    accuracies: list[float] = dataclasses.field(default_factory=list)

    def numbers(self) -> dict[str, Any]:
        """Returns what a file keeps of it."""
        return {
            "labels": self.name,
            "labels_per_class": self.per_class or "all",
            "accuracies": self.accuracies,
            "mean": float(np.mean(self.accuracies)),
            "std": spread(self.accuracies),
        }


def define(values: flags.FlagValues) -> None:
    """Defines the flags that say how many labels there are."""
    flags.DEFINE_list(
        "labels_per_class",
        ["all"],
        "Budgets of labelled images a class, or all, separated by commas.",
        flag_values=values,
    )
    flags.DEFINE_list(
        "label_share",
        None,
        "Budgets as shares of the labelled images, such as 0.01,0.1,1, in place of "
        "--labels_per_class; every class gets as many of them as every other.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "draws",
        1,
        "Classifiers at each budget, each with a draw of the labels, an order and an "
        "augmentation of its own.",
        1,
        flag_values=values,
    )


def read(given: dict[str, Any]) -> list[int | float | None]:
    """Returns the budgets that the flags name: numbers a class, shares, or None.

    Raises:
        ValueError: If they cannot be read, or both flags are given.
    """
    shares = given["label_share"]
    if shares is None:
        return [budget(name) for name in given["labels_per_class"]]
    if "labels_per_class" in given["explicit"]:
        raise ValueError(
            "`label_share` cannot stand beside --labels_per_class. "
            f"Received: {','.join(shares)}"
        )
    found = []
    for name in shares:
        try:
            share = float(name)
        except ValueError:
            share = 0.0
        if not 0 < share <= 1:
            raise ValueError(
                "`label_share` must be shares in (0, 1], separated by commas. "
                f"Received: {name!r}"
            )
        found.append(share)
    return found


def make(asked: int | float | None, images: int, classes: int) -> LabelBudget:
    """Returns a budget of a set; a share becomes a number a class, at least 1.

    Args:
        asked: One of what `read` returns.
        images: Labelled images that there are.
        classes: Of the set.
    """
    if asked is None:
        return LabelBudget("all", None)
    if isinstance(asked, int):
        return LabelBudget(str(asked), asked)
    name = f"{100 * asked:g}%"
    if asked == 1:
        return LabelBudget(name, None)
    return LabelBudget(name, max(round(asked * images / classes), 1))


def check(budgets: Sequence[LabelBudget], labels: np.ndarray, flag: str) -> None:
    """Stops, before anything is trained, at more labels than a class has.

    Args:
        budgets: As `make` returns them.
        labels: Of all the labelled images.
        flag: Which one the budgets come from.

    Raises:
        ValueError: If a budget is above the number of a class.
    """
    classes, counts = np.unique(labels, return_counts=True)
    least = counts.argmin()
    for one in budgets:
        if one.per_class and one.per_class > counts[least]:
            raise ValueError(
                f"`{flag}` must leave each class at most as many labels as class "
                f"{classes[least]} has, {counts[least]}. "
                f"Received: {one.name}, which is {one.per_class} a class"
            )


def table(budgets: Sequence[LabelBudget]) -> str:
    """Returns the accuracies as text: mean and spread over the draws."""
    rows = [["labels", "a class", "draws", "accuracy, %"]]
    for one in budgets:
        numbers = one.numbers()
        rows.append(
            [
                one.name,
                str(numbers["labels_per_class"]),
                str(len(one.accuracies)),
                cell(numbers["mean"], numbers["std"]),
            ]
        )
    return aligned(rows)
