"""The course of a training run, one panel for each kind of measure."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_contrastive.plots.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NOT_MEASURES = ("epoch",)
_FEW = 30


def plot_curves(
    history: Mapping[str, Sequence[float]], dim: int | None = None
) -> "Figure":
    """Draws the measures of every epoch.

    Args:
        history: One list a measure, as in `History.history` or a CSV file's columns,
            with one number an epoch; NaN or None where there was none. "epoch", where
            present, gives the horizontal positions; else epochs count from 1.
        dim: Number of dimensions of the embedding. Marks the standard deviation that
            unit vectors have when they spread evenly over the sphere, 1/sqrt(dim);
            a collapsed embedding has 0.

    Returns:
        A figure with a panel each for losses, contrastive accuracies, kNN accuracies,
        the embedding's standard deviation, and any other measure.

    Raises:
        ValueError: If there is no measure, the lists differ in length, or `dim` is
            below 1.
    """
    if dim is not None and dim < 1:
        raise ValueError(f"`dim` must be at least 1. Received: dim={dim}")
    columns = {name: numbers(name, values) for name, values in history.items()}
    panels: dict[str, list[str]] = {}
    for name, values in columns.items():
        if name not in _NOT_MEASURES and np.isfinite(values).any():
            panels.setdefault(_panel(name), []).append(name)
    lengths = {name: len(values) for name, values in columns.items()}
    if not panels or len(set(lengths.values())) > 1:
        raise ValueError(
            "`history` must hold lists of one length, at least one of them with a "
            f"finite number. Received: lengths {lengths}"
        )
    length = next(iter(lengths.values()))
    epochs = columns.get("epoch", np.arange(1.0, length + 1))

    across = min(2, len(panels))
    down = math.ceil(len(panels) / across)
    figure = new_figure(4.4 * across, 2.9 * down)
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for ax, (title, names) in zip(axes, panels.items(), strict=False):
        for name in names:
            shown = np.isfinite(columns[name])
            few = shown.sum() <= _FEW
            marker = {"marker": "o", "markersize": 3.5} if few else {}
            # Unclipped, so that a point on the axis, at 0, is seen whole.
            marker |= {"clip_on": False, "zorder": 3}
            ax.plot(epochs[shown], columns[name][shown], label=name, **marker)
        dress(ax, title, epochs)
        if title == "embedding standard deviation":
            _mark_collapse(ax, dim)
        if len(names) > 1 or ax.get_lines()[-1].get_linestyle() == "--":
            ax.legend(fontsize=8, framealpha=0.9)
    for ax in axes[len(panels) :]:
        ax.remove()
    return figure


def numbers(name: str, values: Sequence[Any]) -> np.ndarray:
    """Returns a column as floats, NaN where there is nothing."""
    try:
        return np.array([np.nan if x is None or x == "" else x for x in values], float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`history` must hold lists of numbers. Received: {values!r} as {name!r}"
        ) from error


def _panel(name: str) -> str:
    """Returns the title of the panel that a measure belongs to."""
    if "knn" in name:
        return "kNN accuracy"
    if name.endswith("contrastive_accuracy"):
        return "contrastive accuracy"
    if name.endswith("embedding_std"):
        return "embedding standard deviation"
    if name.endswith("loss"):
        return "loss"
    return name.removeprefix("val_").replace("_", " ")


def dress(ax: "Axes", title: str, epochs: np.ndarray) -> None:
    """Gives a panel its title, its axis of epochs and its grid."""
    from matplotlib.ticker import MaxNLocator

    ax.set_title(title, fontsize=11)
    ax.set_xlabel("epoch", fontsize=9)
    ax.tick_params(labelsize=9)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    # All panels show the same epochs, also those measured in some of them alone.
    margin = 0.03 * np.ptp(epochs) or 1.0
    ax.set_xlim(epochs.min() - margin, epochs.max() + margin)
    ax.grid(color="0.9")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _mark_collapse(ax: "Axes", dim: int | None) -> None:
    """Shows where evenly spread embeddings lie, and where collapsed ones do: at 0."""
    if dim is not None:
        label = f"evenly spread, $1/\\sqrt{{{dim}}}$; collapse is 0"
        ax.axhline(dim**-0.5, color="0.4", linestyle="--", linewidth=1, label=label)
    ax.set_ylim(0, 1.35 * ax.dataLim.y1)
