"""`keras-contrastive pretrain`: images to an encoder, in one folder."""

from typing import Any

import keras
import tensorflow as tf
from absl import flags

from keras_contrastive import callbacks, data, distribute, export
from keras_contrastive.cli import arguments, options
from keras_contrastive.cli import settings as settings_
from keras_contrastive.cli.commands import PROGRAM, Command
from keras_contrastive.cli.energies import options as energy_options
from keras_contrastive.cli.energies import pretrain as energies
from keras_contrastive.cli.energies.methods import ENERGY_METHODS
from keras_contrastive.cli.energies.settings import EnergySettings
from keras_contrastive.cli.parts import load, make_model, make_policy
from keras_contrastive.cli.progress import Progress
from keras_contrastive.cli.report import draw, report
from keras_contrastive.cli.run_folder import Checkpoint, RunFolder
from keras_contrastive.cli.settings import Settings
from keras_contrastive.cli.splits import Splits, choose
from keras_contrastive.data.load import Description

# Images that watch the training: enough to follow it, few enough not to slow it.
_BANK, _QUERIES = 10_000, 2_000


def define(values: flags.FlagValues) -> None:
    """Defines the command's flags."""
    options.define(values)
    flags.DEFINE_string(
        "output_dir",
        None,
        "Folder to write; by default a fresh one below runs/.",
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
    if _of_energy(given):
        energies.run(given)
        return
    if given["resume"]:
        folder, settings = RunFolder.reopen(given["output_dir"])
        _refuse_changes(given, settings)
        description = data.describe(settings.dataset, settings.data_dir)
        splits = _splits(settings, description)
    else:
        if given["output_dir"]:
            RunFolder(given["output_dir"]).check_unused()
        method, dataset = settings_.method_and_dataset(given)
        energy_options.refuse_for_embeddings(method, given)
        # A flag that the method does not take is refused before anything is read.
        arguments.given_to(method, given)
        description = data.describe(dataset, given["data_dir"], given["download"])
        settings = settings_.resolve(given, description.image_shape)
        splits = _splits(settings, description)
        images = int(load(settings, splits.train).cardinality())
        settings = settings_.fitted(settings, given["explicit"], images)
        folder = None
    strategy = distribute.strategy(settings.strategy)
    keras.config.set_dtype_policy(settings.mixed_precision)
    model = prepare(settings, description, splits, folder, strategy)
    # Last, so that what cannot run leaves no folder behind.
    folder = folder or RunFolder.create(given["output_dir"], settings)
    train(settings, description, splits, folder, model)
    export.export_encoder(model, folder.encoder)
    draw(settings, description, splits, folder, model.encoder)
    print(f"\nThe run is in {folder.path}: history, pictures, checkpoint and encoder.")
    if description.num_classes and given["evaluate_images"]:
        report(settings, splits, folder, model.encoder, given["evaluate_images"])
    print(f"Next: {PROGRAM} finetune --run={folder.path}")


def _of_energy(given: dict[str, Any]) -> bool:
    """Whether a method that trains an energy is asked for, or begun."""
    if given["resume"]:
        return isinstance(RunFolder.reopen(given["output_dir"])[1], EnergySettings)
    return given["method"] in ENERGY_METHODS and not given["recipe"]


def prepare(
    settings: Settings,
    description: Description,
    splits: Splits,
    folder: RunFolder | None,
    strategy: tf.distribute.Strategy,
) -> keras.Model:
    """Returns the compiled model, from its checkpoint if there is one."""
    images, steps = _size(settings, splits)
    if settings.batch_size % strategy.num_replicas_in_sync:
        raise ValueError(
            f"`batch_size` must be a multiple of the {strategy.num_replicas_in_sync} "
            f"replicas. Received: {settings.batch_size}"
        )
    with strategy.scope():
        if folder and folder.checkpoint.is_file():
            return keras.saving.load_model(folder.checkpoint)
        return make_model(settings, description.image_shape[-1], images, steps)


def train(
    settings: Settings,
    description: Description,
    splits: Splits,
    folder: RunFolder,
    model: keras.Model,
) -> None:
    """Fits the model, from the epoch that it has come to."""
    count, steps = _size(settings, splits)
    images = load(settings, splits.train)
    first_epoch = int(model.step.numpy()) // steps
    folder.cut_history(first_epoch)
    # One pass for all epochs: starting one would take longer than a short epoch.
    order = {"seed": settings.seed, "first_epoch": first_epoch, "repeat": True}
    if settings.augment_on == "device":
        batches = data.batches(images, settings.batch_size, **order)
    else:
        policy = make_policy(settings)
        batches = data.views(images, policy, settings.batch_size, **order)
    watching = [Progress(), Checkpoint(folder, settings.checkpoint_every)]
    watching.append(keras.callbacks.CSVLogger(folder.history, append=first_epoch > 0))
    if description.num_classes:
        monitor = callbacks.KNNMonitor(
            load(settings, splits.bank).take(_BANK),
            load(settings, splits.queries).take(_QUERIES),
            every=settings.knn_every,
            image_size=settings.image_size,
        )
        watching.insert(0, monitor)
    resumed = f", from epoch {first_epoch + 1}" if first_epoch else ""
    print(
        f"{settings.method} with {settings.encoder} on {settings.dataset}, recipe "
        f"{settings.recipe}: {count} images, {settings.epochs} epochs of {steps} "
        f"steps{resumed}"
    )
    for line in settings_.remarks(settings, count):
        print(line)
    model.fit(
        batches,
        initial_epoch=first_epoch,
        epochs=settings.epochs,
        steps_per_epoch=steps,
        callbacks=watching,
        verbose=0,
    )


def _size(settings: Settings, splits: Splits) -> tuple[int, int]:
    """Returns the number of images and the steps of an epoch."""
    images = int(load(settings, splits.train).cardinality())
    if settings.batch_size > images:
        raise ValueError(
            f"`batch_size` must be at most the {images} images of {splits.train!r}. "
            f"Received: {settings.batch_size}"
        )
    return images, images // settings.batch_size


def _splits(settings: Settings, description: Description) -> Splits:
    """Returns the splits, whose labels must be there where the method needs them."""
    splits = choose(description, settings.train_split, settings.uses_labels)
    if not settings.uses_labels:
        return splits
    if not description.num_classes:
        raise ValueError(
            f"`dataset` must have class labels, which {settings.method} learns from. "
            f"Received: {description.name}"
        )
    few = load(settings, splits.train).take(64).as_numpy_iterator()
    # How tfds marks images whose label is not known.
    if min(element["label"] for element in few) < 0:
        raise ValueError(
            f"`train_split` must have class labels, which {settings.method} learns "
            f"from. Received: {splits.train}"
        )
    return splits


def _refuse_changes(given: dict[str, Any], settings: Settings) -> None:
    """Stops where a resumed run is given another setting than it began with."""
    begun = vars(settings) | settings.arguments
    for name in arguments.NAMES:
        begun.setdefault(name, None)
    own = arguments.given_to(settings.method, given)
    for name in sorted(given["explicit"] & set(begun)):
        value = own.get(name, given[name])
        if value != begun[name]:
            raise ValueError(
                f"`{name}` must stay {begun[name]!r}, which the run in "
                f"{given['output_dir']} began with. Received: {value!r}"
            )


COMMAND = Command(
    "pretrain",
    "Learn features from images and say what they are worth, or learn an energy.",
    define,
    run,
    options.HEADINGS,
    options.closing,
)
