"""`keras-contrastive pretrain`: images to an encoder, in one folder."""

import shutil
from typing import Any

import keras
import tensorflow as tf
from absl import flags

from keras_contrastive import callbacks, data, distribute, export
from keras_contrastive.cli import again, arguments, images, options, watching
from keras_contrastive.cli import settings as settings_
from keras_contrastive.cli.card import card
from keras_contrastive.cli.commands import Command
from keras_contrastive.cli.energies import options as energy_options
from keras_contrastive.cli.energies import pretrain as energies
from keras_contrastive.cli.energies.methods import ENERGY_METHODS
from keras_contrastive.cli.energies.settings import TOY, EnergySettings
from keras_contrastive.cli.methods import METHODS
from keras_contrastive.cli.parts import load, make_model, make_policy
from keras_contrastive.cli.placing import check_batch, given_in_full, place
from keras_contrastive.cli.progress import Progress
from keras_contrastive.cli.report import draw, report
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.settings import Settings
from keras_contrastive.cli.splits import Splits, choose
from keras_contrastive.data.load import Description


def define(values: flags.FlagValues) -> None:
    """Defines the command's flags."""
    options.define(values)
    flags.DEFINE_string(
        "output_dir",
        None,
        "Folder to write; by default a fresh one below runs/. The same command goes on "
        "with a run that was cut off there, and leaves one that is finished as it is.",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "resume",
        False,
        "Go on with the run in --output_dir, with its settings.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "evaluate_images",
        10_000,
        "Labelled images, of the training and of the held-out split each, that the "
        "closing table reads; 0 leaves the table out.",
        0,
        flag_values=values,
    )


def run(given: dict[str, Any]) -> None:
    """Pretrains, or goes on with a run, and says what the features are worth."""
    given = images.given_in_full(given_in_full(given))
    watching.check_board(given["tensorboard"])
    if words := again.finished(given):
        print(words)
        return
    if _of_energy(given):
        energies.run(given)
        return
    strategy = place(given)
    if given["resume"]:
        folder, settings = RunFolder.reopen(given["output_dir"])
        again.refuse_changes(given, settings)
        description = images.describe(vars(settings))
        splits = _splits(settings, description)
    else:
        if given["output_dir"]:
            RunFolder(given["output_dir"]).check_unused()
        method, dataset = settings_.method_and_dataset(given)
        energy_options.refuse_for_embeddings(method, given)
        # A flag that the method does not take is refused before anything is read.
        arguments.given_to(method, given)
        given = images.noted(given)
        description = images.describe({**given, "dataset": dataset})
        settings = settings_.resolve(given, description.image_shape)
        splits = _splits(settings, description)
        count = int(load(settings, splits.train).cardinality())
        settings = settings_.fitted(settings, given["explicit"], count)
        folder = None
    keras.config.set_dtype_policy(settings.mixed_precision)
    check_batch(settings.batch_size, strategy)
    path = given["output_dir"] or RunFolder.fresh_path(settings)
    backup = callbacks.Backup(path, settings.checkpoint_every)
    model = prepare(settings, description, splits, backup, strategy)
    chief = distribute.is_chief(strategy)
    tensorboard = given["tensorboard"]
    # Last, so that what cannot run leaves no folder behind.
    folder = folder or RunFolder.create(path, settings, given["explicit"], chief)
    train(settings, description, splits, folder, model, backup, chief, tensorboard)
    if not chief:
        return
    images.write_report(vars(settings), folder.image_files)
    # Of an end that was cut off.
    for old in (folder.encoder, folder.preset):
        shutil.rmtree(old, ignore_errors=True)
    export.export_encoder(model, folder.encoder)
    draw(settings, description, splits, folder, model)
    print(f"\nThe run is in {folder.path}: history, pictures, checkpoint and encoder.")
    results = None
    if description.num_classes and given["evaluate_images"]:
        count = given["evaluate_images"]
        print("Measuring what the features are worth; many images take minutes.")
        results = report(settings, splits, folder, model.encoder, count)
    about = card(settings, splits.train, splits.test, results)
    about["name"] = folder.path.name
    export.export_preset(model, folder.preset, about)
    folder.finish()
    print(f"\n{again.next_steps(folder, settings)}")


def _of_energy(given: dict[str, Any]) -> bool:
    """Whether a method that trains an energy is asked for, or begun."""
    if given["resume"]:
        return isinstance(RunFolder.reopen(given["output_dir"])[1], EnergySettings)
    toy = given["dataset"].startswith(TOY)
    in_both = given["method"] in METHODS and not toy
    return given["method"] in ENERGY_METHODS and not given["recipe"] and not in_both


def prepare(
    settings: Settings,
    description: Description,
    splits: Splits,
    backup: callbacks.Backup,
    strategy: tf.distribute.Strategy,
) -> keras.Model:
    """Returns the compiled model, from its backup if there is one."""
    count, steps = _size(settings, splits)
    with strategy.scope():
        return backup.load() or make_model(
            settings, description.image_shape[-1], count, steps
        )


def train(
    settings: Settings,
    description: Description,
    splits: Splits,
    folder: RunFolder,
    model: keras.Model,
    backup: callbacks.Backup,
    chief: bool,
    tensorboard: bool,
) -> None:
    """Fits the model, from the step that it has come to."""
    count, steps = _size(settings, splits)
    training = load(settings, splits.train)
    first_epoch, first_batch = divmod(model.steps_taken, steps)
    # One pass for all epochs: starting one would take longer than a short epoch.
    order = {
        "seed": settings.seed,
        "first_epoch": first_epoch,
        "first_batch": first_batch,
        "repeat": True,
    }
    if settings.augment_on == "device":
        batches = data.batches(training, settings.batch_size, **order)
    else:
        policy = make_policy(settings)
        count_ = 2 if METHODS[settings.method].pairs else 1
        batches = data.views(
            training, policy, settings.batch_size, count=count_, **order
        )
        if count_ == 1:
            batches = batches.map(lambda x: x["views"][0])
    beside = [
        *watching.accuracy(settings, description, splits, first_epoch),
        # It shows what stands before it.
        *([Progress()] if chief else []),
        *watching.spread(settings, description, splits, folder, first_epoch),
    ]
    if chief:
        beside += [folder.log(first_epoch)]
    if chief and tensorboard:
        beside += [watching.board(folder, settings, splits.train)]
    resumed = f", from epoch {first_epoch + 1}" if model.steps_taken else ""
    print(
        f"{settings.method} with {settings.encoder} on {settings.dataset}, recipe "
        f"{settings.recipe}: {count} images, {settings.epochs} epochs of {steps} "
        f"steps{resumed}"
    )
    accelerator = any(tf.config.list_logical_devices(x) for x in ("GPU", "TPU"))
    for line in settings_.remarks(settings, count, accelerator):
        print(line)
    with watching.collapse_told():
        model.fit(
            batches,
            initial_epoch=first_epoch,
            initial_batch=first_batch,
            epochs=settings.epochs,
            steps_per_epoch=steps,
            callbacks=[*beside, backup],
            verbose=0,
        )


def _size(settings: Settings, splits: Splits) -> tuple[int, int]:
    """Returns the number of images and the steps of an epoch."""
    count = int(load(settings, splits.train).cardinality())
    if settings.batch_size > count:
        raise ValueError(
            f"`batch_size` must be at most the {count} images of {splits.train!r}. "
            f"Received: {settings.batch_size}"
        )
    return count, count // settings.batch_size


def _splits(settings: Settings, description: Description) -> Splits:
    """Returns the splits, whose labels must be there where the method needs them."""
    splits = choose(description, settings.train_split, settings.uses_labels)
    if not settings.uses_labels:
        return splits
    if not description.num_classes:
        raise ValueError(
            f"`{images.flag(vars(settings))}` must have class labels, which "
            f"{settings.method} learns from. Received: {description.name}"
        )
    few = load(settings, splits.train).take(64).as_numpy_iterator()
    # How tfds marks images whose label is not known.
    if min(element["label"] for element in few) < 0:
        raise ValueError(
            f"`train_split` must have class labels, which {settings.method} learns "
            f"from. Received: {splits.train}"
        )
    return splits


COMMAND = Command(
    "pretrain",
    "Learn features from images and say what they are worth, or learn an energy.",
    define,
    run,
    headings=options.HEADINGS,
    closing=options.closing,
)
