"""`keras-contrastive finetune`: exported features and labels to a classifier."""

import json
import pathlib
from typing import Any

from absl import flags

from keras_contrastive import evaluation, export
from keras_contrastive.cli import label_budgets, source
from keras_contrastive.cli.commands import Command
from keras_contrastive.cli.policies import SUPERVISED
from keras_contrastive.export.folder import new_folder


def define(values: flags.FlagValues) -> None:
    """Defines the command's flags."""
    source.define(values)
    label_budgets.define(values)
    flags.DEFINE_integer("epochs", 20, "Passes over them.", 1, flag_values=values)
    flags.DEFINE_integer("batch_size", 64, "Images a step.", 1, flag_values=values)
    flags.DEFINE_float("learning_rate", 1e-3, "Peak of Adam's.", 0, flag_values=values)
    flags.DEFINE_float(
        "layer_decay",
        1.0,
        "Factor from the learning rate of one level of the trunk to that of the level "
        "below it, towards the images, and from the head's to the first. A level is a "
        "convolution with its batch norm; layers side by side share one.",
        0,
        1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "freeze_epochs",
        0,
        "Epochs at the start that train the head alone, the trunk being as it is.",
        0,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "freeze",
        False,
        "Whether the head alone is trained to the end.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "augmentation",
        "none",
        tuple(SUPERVISED),
        "What is done to the training images; rand_augment takes colour images, and "
        "its draws do not follow --seed.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "output_dir",
        None,
        "Folder for the classifier; finetuned/ in the run's folder by default.",
        flag_values=values,
    )


def run(given: dict[str, Any]) -> None:
    """Trains head and trunk, writes the classifier and prints its accuracy."""
    asked = label_budgets.read(given)
    freeze_epochs = _freeze_epochs(given)
    # Before a folder of images is looked through, which may take minutes.
    out = _output_folder(given)
    found = source.find(given, trainable=True)
    names = found.description.class_names
    # Read here once, and not for each classifier.
    train, test = (
        evaluation.labelled(name, found.load(split), len(names))
        for name, split in (("train", found.train), ("test", found.held_out))
    )
    count = len(train.labels)
    budgets = [label_budgets.make(x, count, len(names)) for x in asked]
    flag = "label_share" if given["label_share"] else "labels_per_class"
    label_budgets.check(budgets, train.labels, flag)
    options = {
        "epochs": given["epochs"],
        "batch_size": given["batch_size"],
        "learning_rate": given["learning_rate"],
        "layer_decay": given["layer_decay"],
        "freeze_epochs": freeze_epochs,
    }
    augment = _policy(given["augmentation"], found)
    most = max(budgets, key=lambda x: x.per_class or count)
    for one in budgets:
        for draw in range(given["draws"]):
            if len(budgets) * given["draws"] > 1:
                print(f"\nLabels: {one.name}, draw {draw + 1} of {given['draws']}")
            result = evaluation.fine_tune(
                # Training leaves its marks: each begins with what was exported.
                export.load_encoder(found.encoder.filepath),
                train,
                test,
                len(names),
                labels_per_class=one.per_class,
                augment=augment,
                image_size=found.image_size,
                copy=False,
                seed=given["seed"] + draw,
                verbose=2,
                **options,
            )
            one.accuracies.append(result.accuracy)
            # Not the best on the test images, which would be a choice on them.
            if one is most and draw == 0:
                export.export_classifier(result.model, out / "classifier", names)
    report = {
        "dataset": found.description.name,
        "labels_per_class": most.per_class or "all",
        "split": given["split"],
        "held_out": found.held_out,
        "accuracy": most.accuracies[0],
        "class_names": names,
        "augmentation": given["augmentation"],
        **options,
        "budgets": [one.numbers() for one in budgets],
    }
    (out / "result.json").write_text(json.dumps(report, indent=2) + "\n")
    if len(budgets) * given["draws"] > 1:
        print(
            f"\nAccuracy on {found.held_out!r} (mean ± spread of the draws):\n\n"
            f"{label_budgets.table(budgets)}"
        )
    labels = f"{most.per_class} labels a class" if most.per_class else "all labels"
    print(
        f"\nAccuracy on {found.held_out!r} with {labels}: "
        f"{most.accuracies[0]:.1%}. That classifier is in {out / 'classifier'}.\n"
        f"{found.reading()}"
    )


def _output_folder(given: dict[str, Any]) -> pathlib.Path:
    """Returns where the classifier goes.

    Raises:
        ValueError: If no folder was named and there is no run to put it into.
        FileExistsError: If something is there.
    """
    if given["output_dir"] is not None:
        return new_folder(given["output_dir"], "output_dir")
    if not given["run"]:
        raise ValueError(
            "`output_dir` must name a folder where there is no --run to put the "
            "classifier into. Received: None"
        )
    out = pathlib.Path(given["run"]).expanduser() / "finetuned"
    try:
        return new_folder(out)
    except FileExistsError as error:
        raise FileExistsError(
            "`run` must be one that has not been fine-tuned yet, or --output_dir=OTHER "
            f"say where another classifier goes. Received: {given['run']}, which has "
            f"been fine-tuned already, in {out}"
        ) from error


def _freeze_epochs(given: dict[str, Any]) -> int:
    """Returns for how many epochs the trunk is frozen.

    Raises:
        ValueError: If two flags contradict each other.
    """
    epochs, first = given["epochs"], given["freeze_epochs"]
    if given["freeze"]:
        for name in ("freeze_epochs", "layer_decay"):
            if name in given["explicit"]:
                raise ValueError(
                    f"`{name}` has no meaning with --freeze, which trains the head "
                    f"alone. Received: {given[name]}"
                )
        return epochs
    if first >= epochs:
        raise ValueError(
            f"`freeze_epochs` must be below --epochs, {epochs}; --freeze trains the "
            f"head alone. Received: {first}"
        )
    return first


def _policy(name: str, found: source.Source) -> Any:
    """Returns the augmentation, or None.

    Raises:
        ValueError: If the images have not the channels that it takes.
    """
    channels = found.encoder.image_shape[-1]
    if name == "rand_augment" and channels != 3:
        raise ValueError(
            "`augmentation` rand_augment takes images of 3 channels. "
            f"Received: a dataset of {channels}"
        )
    return SUPERVISED[name](found.image_size)


COMMAND = Command(
    "finetune",
    "Train a classifier from exported features with few or all labels.",
    define,
    run,
)
