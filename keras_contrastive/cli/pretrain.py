"""`keras-contrastive pretrain`: images without labels to an encoder, in one folder."""

import json
from typing import Any

import keras
import tensorflow as tf
from absl import flags

from keras_contrastive import (
    augment,
    callbacks,
    data,
    distribute,
    encoders,
    evaluation,
    export,
    models,
    optimizers,
    plots,
)
from keras_contrastive.cli import settings as settings_
from keras_contrastive.cli.commands import PROGRAM, Command
from keras_contrastive.cli.progress import Progress
from keras_contrastive.cli.run_folder import Checkpoint, RunFolder
from keras_contrastive.cli.settings import Settings
from keras_contrastive.cli.splits import Splits, choose
from keras_contrastive.cli.worth import table
from keras_contrastive.data.load import Description

# Images that watch the training: enough to follow it, few enough not to slow it.
_BANK, _QUERIES = 10_000, 2_000


def define(values: flags.FlagValues) -> None:
    """Defines the command's flags."""
    settings_.define(values)
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
    if given["resume"]:
        folder, settings = RunFolder.reopen(given["output_dir"])
        _refuse_changes(given, settings)
        description = data.describe(settings.dataset, settings.data_dir)
    else:
        description = data.describe(
            given["dataset"], given["data_dir"], given["download"]
        )
        settings = settings_.resolve(given, description.image_shape)
        folder = RunFolder.create(given["output_dir"], settings)
    splits = choose(description, settings.train_split)
    strategy = distribute.strategy(settings.strategy)
    keras.config.set_dtype_policy(settings.mixed_precision)
    if settings.batch_size % strategy.num_replicas_in_sync:
        raise ValueError(
            f"`batch_size` must be a multiple of the {strategy.num_replicas_in_sync} "
            f"replicas. Received: {settings.batch_size}"
        )
    model = train(settings, description, splits, folder, strategy)
    export.export_encoder(model, folder.encoder)
    draw(settings, description, splits, folder, model)
    print(f"\nThe run is in {folder.path}: history, pictures, checkpoint and encoder.")
    if description.num_classes and given["evaluate_images"]:
        report(settings, splits, folder, model.encoder, given["evaluate_images"])
    print(f"Next: {PROGRAM} finetune --run={folder.path}")


def train(
    settings: Settings,
    description: Description,
    splits: Splits,
    folder: RunFolder,
    strategy: tf.distribute.Strategy,
) -> keras.Model:
    """Fits the model, from its checkpoint if there is one; returns it."""
    images = load(settings, splits.train)
    steps = int(images.cardinality()) // settings.batch_size
    if steps < 1:
        raise ValueError(
            f"`batch_size` must be at most the {int(images.cardinality())} images of "
            f"{splits.train!r}. Received: {settings.batch_size}"
        )
    with strategy.scope():
        if folder.checkpoint.is_file():
            model = keras.saving.load_model(folder.checkpoint)
        else:
            model = make_model(settings, description, steps)
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
        f"{settings.method} with {settings.encoder} on {settings.dataset}: "
        f"{int(images.cardinality())} images, {settings.epochs} epochs of {steps} "
        f"steps{resumed}"
    )
    model.fit(
        batches,
        initial_epoch=first_epoch,
        epochs=settings.epochs,
        steps_per_epoch=steps,
        callbacks=watching,
        verbose=0,
    )
    return model


def load(settings: Settings, split: str) -> tf.data.Dataset:
    """Reads a split of the run's dataset, square where its images vary in size."""
    images = data.load(settings.dataset, split, settings.data_dir, settings.download)
    if images.element_spec["image"].shape.is_fully_defined():
        return images
    # Room for the crop to choose from, and one size, so that images can be batched.
    side = settings.image_size * 8 // 7

    def squared(element: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        image = tf.image.resize(
            element["image"], (side, side), preserve_aspect_ratio=False, antialias=True
        )
        image = tf.cast(tf.round(image), tf.uint8)
        channels = element["image"].shape[-1] or 3
        return {**element, "image": tf.ensure_shape(image, (side, side, channels))}

    return images.map(squared, num_parallel_calls=tf.data.AUTOTUNE)


def make_policy(settings: Settings) -> augment.Policy:
    """Returns the run's augmentation."""
    if settings.augmentation == "digits":
        return augment.digits(settings.image_size)
    if settings.augmentation == "simclr_cifar":
        return augment.simclr(settings.image_size, strength=0.5, blur=False)
    return augment.simclr(settings.image_size)


def make_encoder(settings: Settings, channels: int) -> keras.Model:
    """Returns the run's trunk as it is before training: the seed decides."""
    keras.utils.set_random_seed(settings.seed)
    shape = (settings.image_size, settings.image_size, channels)
    return encoders.create(settings.encoder, shape)


def make_model(settings: Settings, description: Description, steps: int) -> keras.Model:
    """Returns the compiled model."""
    encoder = make_encoder(settings, description.image_shape[-1])
    model = models.SimCLR(
        encoder,
        make_policy(settings) if settings.augment_on == "device" else None,
        projection_dim=settings.projection_dim,
        temperature=settings.temperature,
        seed=settings.seed,
    )
    adam = settings.optimizer == "adam"
    schedule = optimizers.warmup_cosine(
        settings.learning_rate,
        settings.batch_size,
        steps,
        settings.epochs,
        settings.warmup_epochs,
        # Adam's step does not shrink with the noise of the gradient.
        scaling=None if adam else "linear",
    )
    if adam:
        optimizer = keras.optimizers.Adam(schedule)
    else:
        kind = optimizers.LARS if settings.optimizer == "lars" else optimizers.SGD
        optimizer = kind(schedule, weight_decay=settings.weight_decay)
    model.compile(optimizer, jit_compile=settings.jit_compile)
    return model


def draw(
    settings: Settings,
    description: Description,
    splits: Splits,
    folder: RunFolder,
    model: keras.Model,
) -> None:
    """Writes the pictures: views, curves, and the map of the embedding."""
    images = next(iter(load(settings, splits.train).batch(8)))["image"]
    policy = make_policy(settings)
    views = [policy(images, seed=[settings.seed, view]) for view in range(4)]
    plots.save(plots.plot_views(images, views), folder.path / "views.png")
    history = folder.read_history()
    curves = plots.plot_curves(history, dim=settings.projection_dim)
    plots.save(curves, folder.path / "curves.png")
    if description.num_classes:
        features, labels = evaluation.extract_features(
            model.encoder,
            load(settings, splits.queries).take(_QUERIES),
            image_size=settings.image_size,
        )
        figure = plots.plot_embedding(
            features, labels, description.class_names, method="tsne"
        )
        plots.save(figure, folder.path / "embedding.png")


def report(
    settings: Settings,
    splits: Splits,
    folder: RunFolder,
    encoder: keras.Model,
    count: int,
) -> None:
    """Prints and writes what the features are worth on the held-out split."""
    train, test = (load(settings, x).take(count) for x in (splits.train, splits.test))
    untrained = make_encoder(settings, encoder.input_shape[-1])
    results = table(
        train,
        test,
        {"untrained encoder": untrained, "pretrained encoder": encoder},
        settings.image_size,
    )
    print(
        f"\nWhat the features are worth on the {int(test.cardinality())} held-out "
        f"images of {splits.test!r}, with labels of {splits.train!r} "
        f"(mean ± spread of 5 draws):\n"
    )
    print(evaluation.label_efficiency_table(results))
    markdown = evaluation.label_efficiency_table(results, markdown=True)
    folder.table.write_text(markdown + "\n")
    numbers = {name: [vars(r) for r in rows] for name, rows in results.items()}
    (folder.path / "evaluation.json").write_text(json.dumps(numbers, indent=2) + "\n")


def _refuse_changes(given: dict[str, Any], settings: Settings) -> None:
    """Stops where a resumed run is given another setting than it began with."""
    for name in sorted(given["explicit"] & set(vars(settings))):
        if given[name] != getattr(settings, name):
            raise ValueError(
                f"`{name}` must stay {getattr(settings, name)!r}, which the run in "
                f"{given['output_dir']} began with. Received: {given[name]!r}"
            )


COMMAND = Command(
    "pretrain",
    "Learn features from images without labels, and say what they are worth.",
    define,
    run,
)
