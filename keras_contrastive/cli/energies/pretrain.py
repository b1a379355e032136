"""A run of an energy method: points to a trained energy, in one folder."""

from typing import Any

import keras

from keras_contrastive import callbacks, distribute, optimizers
from keras_contrastive.cli.energies.methods import ENERGY_METHODS, make_energy
from keras_contrastive.cli.energies.points import Points, pixels_of
from keras_contrastive.cli.energies.report import Film, draw, likelihood
from keras_contrastive.cli.energies.settings import TOY, EnergySettings, resolve
from keras_contrastive.cli.progress import Progress
from keras_contrastive.cli.run_folder import Checkpoint, RunFolder


def run(given: dict[str, Any]) -> None:
    """Trains an energy, or goes on with a run, and shows what it has learnt."""
    folder = None
    if given["resume"]:
        folder, settings = RunFolder.reopen(given["output_dir"])
        _refuse_changes(given, settings)
    else:
        if given["output_dir"]:
            RunFolder(given["output_dir"]).check_unused()
        toy = given["dataset"].startswith(TOY)
        pixels = None if toy else pixels_of(given["dataset"], given)
        settings = resolve(given, pixels)
    points = Points(settings)
    if settings.batch_size > points.count:
        raise ValueError(
            f"`batch_size` must be at most the {points.count} points. "
            f"Received: {settings.batch_size}"
        )
    with distribute.strategy(settings.strategy).scope():
        model = _model(settings, points, folder)
    # Last, so that what cannot run leaves no folder behind.
    folder = folder or RunFolder.create(given["output_dir"], settings)
    train(settings, points, folder, model)
    draw(model, points, folder)
    print(f"\n{likelihood(model, points)}")
    print(f"The run is in {folder.path}: history, pictures and checkpoint.")


def _model(
    settings: EnergySettings, points: Points, folder: RunFolder | None
) -> keras.Model:
    """Returns the compiled model, from its checkpoint if there is one."""
    if folder and folder.checkpoint.is_file():
        return keras.saving.load_model(folder.checkpoint)
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
    model.compile(kinds[settings.optimizer](rate), jit_compile=settings.jit_compile)
    return model


def train(
    settings: EnergySettings, points: Points, folder: RunFolder, model: keras.Model
) -> None:
    """Fits the model, from the epoch that it has come to."""
    steps = points.count // settings.batch_size
    first_epoch = int(model.step.numpy()) // steps
    folder.cut_history(first_epoch)
    resumed = f", from epoch {first_epoch + 1}" if first_epoch else ""
    kind = "bits" if settings.bits else "reals"
    print(
        f"{settings.method} of {type(model.energy).__name__} over "
        f"{model.energy.event_shape} {kind} of {settings.dataset}: {points.count} "
        f"points, {settings.epochs} epochs of {steps} steps{resumed}"
    )
    model.fit(
        points.batches(first_epoch),
        initial_epoch=first_epoch,
        epochs=settings.epochs,
        steps_per_epoch=steps,
        callbacks=[
            callbacks.EnergyMonitor(points.some(held_out=True)),
            Film(points, folder),
            Progress(),
            Checkpoint(folder, settings.checkpoint_every),
            keras.callbacks.CSVLogger(folder.history, append=first_epoch > 0),
        ],
        verbose=0,
    )


def _refuse_changes(given: dict[str, Any], settings: EnergySettings) -> None:
    begun = vars(settings) | settings.arguments
    for name in sorted(given["explicit"] & set(begun)):
        if given[name] != begun[name]:
            raise ValueError(
                f"`{name}` must stay {begun[name]!r}, which the run in "
                f"{given['output_dir']} began with. Received: {given[name]!r}"
            )
