"""`keras-contrastive finetune`: exported features and labels to a classifier."""

import json
import pathlib
from typing import Any

from absl import flags

from keras_contrastive import evaluation, export
from keras_contrastive.cli import source
from keras_contrastive.cli.commands import Command
from keras_contrastive.cli.evaluate import budget


def define(values: flags.FlagValues) -> None:
    """Defines the command's flags."""
    source.define(values)
    flags.DEFINE_string(
        "labels_per_class",
        "all",
        "Labelled images a class, or all.",
        flag_values=values,
    )
    flags.DEFINE_integer("epochs", 20, "Passes over them.", 1, flag_values=values)
    flags.DEFINE_integer("batch_size", 64, "Images a step.", 1, flag_values=values)
    flags.DEFINE_float("learning_rate", 1e-3, "Peak of Adam's.", 0, flag_values=values)
    flags.DEFINE_boolean(
        "freeze",
        False,
        "Whether the trunk stays as it is and the head alone is trained.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "output_dir",
        None,
        "Folder for the classifier; finetuned/ in the run's folder by default.",
        flag_values=values,
    )


def run(given: dict[str, Any]) -> None:
    """Trains head and trunk, writes the classifier and prints its test accuracy."""
    per_class = budget(given["labels_per_class"])
    found = source.find(given, trainable=not given["freeze"])
    out = given["output_dir"]
    if out is None:
        if found.run is None:
            raise ValueError(
                "`output_dir` must name a folder when --encoder_dir is given. "
                "Received: None"
            )
        out = found.run.path / "finetuned"
    out = pathlib.Path(out).expanduser()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(
            f"`output_dir` must be a new or an empty folder. Received: {out}"
        )
    result = evaluation.fine_tune(
        found.encoder,
        found.load(found.splits.train),
        found.load(found.splits.test),
        found.description.num_classes,
        epochs=given["epochs"],
        batch_size=given["batch_size"],
        learning_rate=given["learning_rate"],
        labels_per_class=per_class,
        image_size=found.image_size,
        copy=False,
        seed=given["seed"],
        verbose=2,
    )
    export.export_encoder(result.model, out / "classifier")
    report = {
        "dataset": found.description.name,
        "labels_per_class": per_class or "all",
        "test_split": found.splits.test,
        "accuracy": result.accuracy,
        "class_names": found.description.class_names,
    }
    (out / "result.json").write_text(json.dumps(report, indent=2) + "\n")
    print(
        f"\nAccuracy on {found.splits.test!r} with {given['labels_per_class']} labels "
        f"a class: {result.accuracy:.1%}. The classifier is in {out / 'classifier'}."
    )


COMMAND = Command(
    "finetune",
    "Train a classifier from exported features with few or all labels.",
    define,
    run,
)
