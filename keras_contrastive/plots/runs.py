"""Several training runs beside each other, one panel a measure."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_contrastive.plots.curves import dress, numbers
from keras_contrastive.plots.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_runs(
    runs: Mapping[str, Mapping[str, Sequence[float]]],
    measures: Sequence[str],
    log: Collection[str] = (),
) -> "Figure":
    """Draws the same measures of several runs, a line a run.

    Args:
        runs: By name, one list a measure, as in `History.history`, with one number an
            epoch; NaN or None where there was none. "epoch", where present, gives the
            horizontal positions; else epochs count from 1.
        measures: What to draw, a panel each, from left to right.
        log: Those of the measures that are drawn on a logarithmic scale.

    Returns:
        A figure with the panels side by side and one legend below them.

    Raises:
        ValueError: If there is no run or measure, a run lacks a measure, or its lists
            differ in length.
    """
    if not runs or not measures:
        raise ValueError(
            "`runs` and `measures` must hold at least one each. "
            f"Received: {list(runs)} and {list(measures)}"
        )
    columns = {name: _checked(name, run, measures) for name, run in runs.items()}
    figure = new_figure(3.7 * len(measures), 3.5)
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.08)
    axes = figure.subplots(1, len(measures), squeeze=False)[0]
    everywhere = np.concatenate([column["epoch"] for column in columns.values()])
    for ax, measure in zip(axes, measures, strict=True):
        for name, column in columns.items():
            shown = np.isfinite(column[measure])
            ax.plot(column["epoch"][shown], column[measure][shown], label=name)
        if measure in log:
            ax.set_yscale("log")
        dress(ax, measure.replace("_", " "), everywhere)
    figure.legend(
        handles=axes[0].get_lines(),
        loc="outside lower center",
        ncols=len(runs),
        frameon=False,
        fontsize=10,
    )
    return figure


def _checked(
    name: str, run: Mapping[str, Sequence[float]], measures: Sequence[str]
) -> dict[str, np.ndarray]:
    """Returns a run's measures, and its epochs, as arrays of one length."""
    if missing := [measure for measure in measures if measure not in run]:
        raise ValueError(
            f"`runs` must hold {', '.join(measures)} each. "
            f"Received: run {name!r} without {', '.join(missing)}"
        )
    column = {measure: numbers(measure, run[measure]) for measure in measures}
    length = len(column[measures[0]])
    column["epoch"] = numbers("epoch", run.get("epoch", range(1, length + 1)))
    lengths = {measure: len(values) for measure, values in column.items()}
    if not length or len(set(lengths.values())) > 1:
        raise ValueError(
            "`runs` must hold lists of one length, not empty. "
            f"Received: run {name!r} with lengths {lengths}"
        )
    return column
