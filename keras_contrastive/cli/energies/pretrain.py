"""A run of an energy method: points to a trained energy, in one folder."""

from typing import Any

import keras

from keras_contrastive import callbacks, distribute, optimizers
from keras_contrastive.cli import again, images, watching
from keras_contrastive.cli.energies.methods import ENERGY_METHODS, make_energy
from keras_contrastive.cli.energies.points import Points, pixels_of
from keras_contrastive.cli.energies.report import Film, draw, likelihood
from keras_contrastive.cli.energies.settings import TOY, EnergySettings, resolve
from keras_contrastive.cli.placing import check_batch, place
from keras_contrastive.cli.progress import Progress
from keras_contrastive.cli.run_folder import RunFolder


def run(given: dict[str, Any]) -> None:
    """Trains an energy, or goes on with a run, and shows what it has learnt."""
    strategy = place(given)
    folder = None
    if given["resume"]:
        folder, settings = RunFolder.reopen(given["output_dir"])
        again.refuse_changes(given, settings)
    else:
        if given["output_dir"]:
            RunFolder(given["output_dir"]).check_unused()
        toy = given["dataset"].startswith(TOY)
        given = images.noted(given, energy=True)
        pixels = None if toy else pixels_of(given)
        settings = resolve(given, pixels)
    points = Points(settings)
    if settings.batch_size > points.count:
        raise ValueError(
            f"`batch_size` must be at most the {points.count} points. "
            f"Received: {settings.batch_size}"
        )
    check_batch(settings.batch_size, strategy)
    path = given["output_dir"] or RunFolder.fresh_path(settings)
    backup = callbacks.Backup(path, settings.checkpoint_every)
    with strategy.scope():
        model = backup.load() or _model(settings, points)
    chief = distribute.is_chief(strategy)
    # Last, so that what cannot run leaves no folder behind.
    folder = folder or RunFolder.create(path, settings, given["explicit"], chief)
    train(settings, points, folder, model, backup, chief, given["tensorboard"])
    if not chief:
        return
    draw(model, points, folder)
    print(f"\n{likelihood(model, points)}")
    folder.finish()
    print(f"The run is in {folder.path}: history, pictures and checkpoint.")
    print(again.next_steps(folder, settings))


def _model(settings: EnergySettings, points: Points) -> keras.Model:
    """Returns the compiled model."""
    keras.utils.set_random_seed(settings.seed)
    energy = make_energy(
        settings.energy,
        points.shape,
        settings.bits,
        settings.hidden_units,
        settings.seed,
    )
    method = ENERGY_METHODS[settings.method]
    some = points.some()
    model = method.make(energy, settings.arguments, some, settings.seed)
    steps = points.count // settings.batch_size * settings.epochs
    # To 0, so that the last weights are no snapshot of a noisy walk.
    rate = keras.optimizers.schedules.PolynomialDecay(
        settings.learning_rate, steps, end_learning_rate=0.0
    )
    kinds = {"adam": keras.optimizers.Adam, "sgd": optimizers.SGD}
    model.compile(
        kinds[settings.optimizer](rate),
        jit_compile=settings.jit_compile,
        steps_per_execution=settings.steps_per_execution,
    )
    return model


def train(
    settings: EnergySettings,
    points: Points,
    folder: RunFolder,
    model: keras.Model,
    backup: callbacks.Backup,
    chief: bool,
    tensorboard: bool,
) -> None:
    """Fits the model, from the step that it has come to."""
    steps = points.count // settings.batch_size
    first_epoch, first_batch = divmod(model.steps_taken, steps)
    resumed = f", from epoch {first_epoch + 1}" if model.steps_taken else ""
    kind = "bits" if settings.bits else "reals"
    print(
        f"{settings.method} of {type(model.energy).__name__} over "
        f"{model.energy.event_shape} {kind} of {settings.dataset}: {points.count} "
        f"points, {settings.epochs} epochs of {steps} steps{resumed}"
    )
    beside = [callbacks.EnergyMonitor(points.some(held_out=True))]
    if chief:
        beside += [Film(points, folder), Progress(), folder.log(first_epoch)]
    if chief and tensorboard:
        beside += [watching.board(folder)]
    model.fit(
        points.batches(first_epoch, first_batch),
        initial_epoch=first_epoch,
        initial_batch=first_batch,
        epochs=settings.epochs,
        steps_per_epoch=steps,
        callbacks=[*beside, backup],
        verbose=0,
    )
