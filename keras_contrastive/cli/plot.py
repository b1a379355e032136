"""`keras-contrastive plot`: one run, or several side by side, on one HTML page."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from absl import flags

from keras_contrastive import callbacks, plots
from keras_contrastive.cli.commands import PROGRAM, Command
from keras_contrastive.cli.energies.settings import EnergySettings
from keras_contrastive.cli.features_page import add_features
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.settings import Settings
from keras_contrastive.cli.source import check_there
from keras_contrastive.evaluation.label_table import cell

_WORDS = {
    "views": "Images of the training split, and views that the augmentation makes",
    "reconstructions": "Images, damaged, and mended",
    "filters": "Filters",
    "particles": "Particles",
    "chain": "Chains that begin at noise",
    "surface": "The energy, low where it is dark",
    "energies": "Energies of data and of samples",
}
# Of the table that pretraining ends with.
_PROBES = ("knn", "linear")


def define(values: flags.FlagValues) -> None:
    """Defines the command's flags."""
    flags.DEFINE_string(
        "out",
        None,
        "File to write; by default report.html in the run's folder, or comparison.html "
        "here for several runs.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "data_dir",
        None,
        "Folder of tfds datasets; the run's by default.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "image_dir",
        None,
        "Folder of the run's images, if it has moved since.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "images",
        1_000,
        "Images that the maps show at most; all of them are in the file.",
        100,
        flag_values=values,
    )
    # Other commands take it, so somebody will try.
    flags.DEFINE_string("run", None, "RUN, without the flag.", flag_values=values)


def run(given: dict[str, Any]) -> None:
    """Writes the page."""
    if given["run"]:
        raise ValueError(
            f"`run` must stand without its flag: {PROGRAM} plot {given['run']}. "
            f"Received: --run={given['run']}"
        )
    if not given["operands"]:
        raise ValueError(
            "`RUN` must be the folder of a run, or several of them. Received: none"
        )
    paths = dict.fromkeys(given["operands"])
    opened = [RunFolder.reopen(path, "RUN") for path in paths]
    last = [folder.path.name for folder, _ in opened]
    runs = {
        name if last.count(name) == 1 else str(run[0].path): run
        for name, run in zip(last, opened, strict=True)
    }
    _check_images(runs, given["image_dir"])
    several = len(runs) > 1
    title = "Runs side by side" if several else _title(*next(iter(runs.values())))
    page = plots.HtmlPage(title)
    if several:
        _compare(page, runs)
    for folder, settings in runs.values():
        if several:
            page.heading(_title(folder, settings))
        _add_run(page, folder, settings, given)
        print(f"{folder.path}: shown")
    default = "comparison.html" if several else folder.path / "report.html"
    out = page.save(given["out"] or default)
    print(f"The page is {out}")


def _check_images(
    runs: Mapping[str, tuple[RunFolder, Settings | EnergySettings]],
    image_dir: str | None,
) -> None:
    """Stops where images are not where a run, or the flag, says.

    Raises:
        ValueError: If the flag is given and no run is on a folder of images.
        FileNotFoundError: If a folder that is to be read is not there.
    """
    own = [(folder, s) for folder, s in runs.values() if s.image_dir is not None]
    if image_dir is not None and not own:
        raise ValueError(
            "`image_dir` must stand beside a run on a folder of images. "
            f"Received: {image_dir} with {', '.join(runs)}"
        )
    for folder, settings in own:
        if image_dir is None and _has_features(folder, settings):
            check_there(folder, settings)


def _has_features(folder: RunFolder, settings: Settings | EnergySettings) -> bool:
    """Whether images are read, to show what the encoder makes of them."""
    return isinstance(settings, Settings) and folder.encoder.is_dir()


def _title(folder: RunFolder, settings: Settings | EnergySettings) -> str:
    return f"{settings.method} on {settings.dataset}: {folder.path.name}"


def _add_run(
    page: plots.HtmlPage,
    folder: RunFolder,
    settings: Settings | EnergySettings,
    given: Mapping[str, Any],
) -> None:
    """Adds all that there is to see of a run."""
    if folder.unfinished:
        page.text("This run has not come to its end: what is there so far is shown.")
    page.heading("Settings", 3)
    values = {**vars(settings), **settings.arguments}
    del values["arguments"]
    page.table(
        ("setting", "value"),
        [(name, str(x)) for name, x in values.items() if x is not None],
    )
    if folder.table.is_file():
        page.heading("What the features are worth on the held-out split", 3)
        page.table(*_table(folder.table))
    if folder.history.is_file() and (history := folder.read_history()):
        page.heading("Curves", 3)
        page.picture(plots.plot_curves(history), "Measures by epoch")
        _add_path(page, {folder.path.name: history})
    if folder.pairs.is_file():
        page.heading("Energies of pairs over training", 3)
        page.picture(
            plots.plot_pair_similarities(callbacks.read_pairs(folder.pairs)),
            "The energy of a pair is minus the cosine of its embeddings, which the "
            "loss compares. Training opens a gap: views of one image (blue) end low, "
            "views of two images (red) higher. An encoder that takes all images for "
            "alike at first begins with every pair near -1: then both go up, the red "
            "ones further. The same views of the same images every time",
        )
    page.heading("Pictures", 3)
    for name, words in _WORDS.items():
        if (path := folder.path / f"{name}.png").is_file():
            page.picture(path, words)
    for path in sorted((folder.path / "film").glob("*.png")):
        page.picture(path, path.stem.replace("_", " "))
    if _has_features(folder, settings):
        settings = dataclasses.replace(
            settings,
            data_dir=given["data_dir"] or settings.data_dir,
            download=False,
            # Never given to a run that was on no folder.
            image_dir=settings.image_dir and (given["image_dir"] or settings.image_dir),
        )
        add_features(page, folder, settings, given["images"])


def _table(path: pathlib.Path) -> tuple[list[str], list[list[str]]]:
    """Returns head and rows of a table in Markdown."""
    head, _, *rows = (
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in path.read_text().splitlines()
        if line.startswith("|")
    )
    return head, rows


def _compare(
    page: plots.HtmlPage,
    runs: Mapping[str, tuple[RunFolder, Settings | EnergySettings]],
) -> None:
    """Adds what differs between runs, what came out, and their curves."""
    settings = {name: {**vars(s), **s.arguments} for name, (_, s) in runs.items()}
    names = dict.fromkeys(name for values in settings.values() for name in values)
    rows = [
        (name, *(_shown(values.get(name)) for values in settings.values()))
        for name in names
        if name != "arguments"
        and len({str(values.get(name)) for values in settings.values()}) > 1
    ]
    rows += _worth(runs)
    page.table(("", *runs), rows)
    histories = {
        name: folder.read_history()
        for name, (folder, _) in runs.items()
        if folder.history.is_file()
    }
    shared = set.intersection(*map(set, histories.values())) if histories else set()
    measures = [x for x in ("loss", "knn_accuracy") if x in shared]
    if measures:
        page.picture(plots.plot_runs(histories, measures), "Measures that all have")
    _add_path(page, histories)


def _shown(value: Any) -> str:
    """Returns a setting as a cell; empty where the run has none."""
    return "" if value is None else str(value)


def _add_path(page: plots.HtmlPage, histories: Mapping[str, Any]) -> None:
    """Adds the way of alignment and uniformity of those runs that have it."""
    measured = {
        name: history
        for name, history in histories.items()
        if {"alignment", "uniformity"} <= set(history)
    }
    if measured:
        page.picture(
            plots.plot_alignment_uniformity(measured),
            "Alignment of two views against uniformity of all images, in the features, "
            "from the ring (first) to the disc (last). Further left is better, for "
            "images are told apart, and further down is, for the views of one are not. "
            "At the lower right all features are alike: where a collapse ends, and "
            "where an encoder may begin",
        )


def _worth(
    runs: Mapping[str, tuple[RunFolder, Settings | EnergySettings]],
) -> list[tuple[str, ...]]:
    """Returns a row a probe and budget of labels, of the pretrained encoders."""
    found: dict[str, dict[str, str]] = {}
    for run, (folder, _) in runs.items():
        file = folder.path / "evaluation.json"
        if not file.is_file():
            continue
        results = json.loads(file.read_text())
        ours = next(v for k, v in results.items() if k.startswith("pretrained encoder"))
        for result in ours:
            labels = result["labels_per_class"]
            for probe in _PROBES:
                few = "1 label" if labels == 1 else f"{labels} labels"
                name = (
                    f"{probe}, {'all labels' if labels is None else few + ' a class'}"
                )
                words = cell(result[f"{probe}_mean"], result[f"{probe}_std"])
                found.setdefault(name, {})[run] = words
    return [
        (name, *(cells.get(run, "") for run in runs)) for name, cells in found.items()
    ]


COMMAND = Command(
    "plot",
    f"Show a run on one HTML page that needs no network; `{PROGRAM} plot RUN RUN` "
    "shows several side by side.",
    define,
    run,
    "RUN",
)
