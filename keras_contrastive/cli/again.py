"""The command of a run that is there already: what goes on, and what is finished."""

from typing import Any

from keras_contrastive.cli import arguments
from keras_contrastive.cli.commands import PROGRAM
from keras_contrastive.cli.energies.settings import EnergySettings
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.settings import Settings


def finished(given: dict[str, Any]) -> str:
    """Returns what to say of a run that needs no more training; empty if it does.

    It is one that came to its end in `--output_dir`, begun by the same flags or named
    with `--resume`.

    Args:
        given: Values of the flags by name, and in "explicit" the names of those that
            were given.

    Raises:
        ValueError: If a run that is to be resumed began with other settings.
    """
    path = given["output_dir"]
    if path is None or not RunFolder(path).finished:
        return ""
    folder, settings = RunFolder.reopen(path)
    if given["resume"]:
        refuse_changes(given, settings)
    elif not _same_flags(given, folder, settings):
        return ""
    return (
        f"The run in {folder.path} is finished: {settings.method} on "
        f"{settings.dataset}, {settings.epochs} epochs. Nothing was done; another run "
        f"wants another --output_dir.\n{next_steps(folder, settings)}"
    )


def refuse_changes(given: dict[str, Any], settings: Settings | EnergySettings) -> None:
    """Stops where a run is given another setting than it began with.

    Raises:
        ValueError: If it is.
    """
    begun, values = vars(settings) | settings.arguments, dict(given)
    if isinstance(settings, Settings):
        begun = dict.fromkeys(arguments.NAMES) | begun
        values |= arguments.given_to(settings.method, given)
    for name in sorted(given["explicit"] & set(begun)):
        if values[name] != begun[name]:
            raise ValueError(
                f"`{name}` must stay {begun[name]!r}, which the run in "
                f"{given['output_dir']} began with. Received: {values[name]!r}"
            )


def next_steps(folder: RunFolder, settings: Settings | EnergySettings) -> str:
    """Returns the commands that take a finished run further, one a line."""
    commands = [f"plot {folder.path}"]
    if isinstance(settings, Settings):
        labelled = "knn_accuracy" in folder.read_history()
        where = "" if labelled else " --image_dir=LABELLED_FOLDER"
        commands += [
            f"{name} --run={folder.path}{where}" for name in ("finetune", "evaluate")
        ]
    lines = [f"{PROGRAM} {command}" for command in commands]
    return "Next: " + "\n      ".join(lines)


def _same_flags(
    given: dict[str, Any], folder: RunFolder, settings: Settings | EnergySettings
) -> bool:
    """Whether the flags that make up the settings are those that the run began with.

    A flag that is not given leaves its value to the recipe and to the images, and so
    is not the same as one that is given.
    """
    names = set(vars(settings)) | set(settings.arguments)
    begun = folder.flags
    if begun is None or given["explicit"] & names != set(begun) & names:
        return False
    try:
        refuse_changes(given, settings)
    except ValueError:
        return False
    return True
