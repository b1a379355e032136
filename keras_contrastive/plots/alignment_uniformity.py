"""The way of a representation between closeness of views and spread of images."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_contrastive.plots.curves import numbers
from keras_contrastive.plots.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEASURES = ("uniformity", "alignment")


def plot_alignment_uniformity(
    runs: Mapping[str, Mapping[str, Sequence[float]]],
) -> "Figure":
    """Draws alignment against uniformity, a point an epoch and a line a run.

    Both are losses (Wang & Isola 2020, "Understanding Contrastive Representation
    Learning through Alignment and Uniformity on the Hypersphere"): to the left, images
    spread over the sphere; further down, the views of an image come together. A
    collapse ends at the lower right.

    Args:
        runs: By name, "alignment" and "uniformity" as `RepresentationMonitor` logs
            them, one number an epoch; NaN or None where there was none. "epoch", where
            present, numbers them; else epochs count from 1.

    Returns:
        A figure. A ring is where a run was first measured, a disc where it was last.

    Raises:
        ValueError: If there is no run, or one lacks a measure or a measured epoch, or
            its lists differ in length.
    """
    if not runs:
        raise ValueError("`runs` must hold at least one. Received: none")
    figure = new_figure(5.4, 4.2)
    ax = figure.subplots()
    for number, (name, run) in enumerate(runs.items()):
        x, y, epochs = _checked(name, run)
        color = f"C{number}"
        label = f"{name}, epochs {epochs[0]:g} to {epochs[-1]:g}"
        ax.plot(x, y, ".-", color=color, label=label, linewidth=1, markersize=5)
        ends = {"s": 60, "zorder": 3, "edgecolors": color}
        ax.scatter(x[:1], y[:1], facecolors="white", **ends)
        ax.scatter(x[-1:], y[-1:], facecolors=color, **ends)
    ax.set_xlabel("uniformity (lower: images spread out more)", fontsize=9)
    ax.set_ylabel("alignment (lower: views are closer)", fontsize=9)
    ax.set_ylim(bottom=0)
    ax.margins(0.08)
    ax.tick_params(labelsize=9)
    ax.grid(color="0.9")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=1, frameon=False, fontsize=9)
    return figure


def _checked(
    name: str, run: Mapping[str, Sequence[float]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns uniformity, alignment and epochs, where they were measured."""
    if missing := [measure for measure in MEASURES if measure not in run]:
        raise ValueError(
            "`runs` must hold uniformity and alignment each. "
            f"Received: run {name!r} without {' and '.join(missing)}"
        )
    x, y = (numbers(measure, run[measure]) for measure in MEASURES)
    epochs = numbers("epoch", run.get("epoch", range(1, len(x) + 1)))
    lengths = [len(x), len(y), len(epochs)]
    shown = np.isfinite(x) & np.isfinite(y) if len(set(lengths)) == 1 else np.array([])
    if not shown.any():
        raise ValueError(
            "`runs` must hold lists of one length, with an epoch at which both were "
            f"measured. Received: run {name!r} with lengths {lengths}"
        )
    return x[shown], y[shown], epochs[shown]
