"""A map of features in two dimensions, coloured by class."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_contrastive.plots.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS = {"pca": "PCA", "tsne": "t-SNE"}
_MOST_POINTS = 5000
_MOST_NAMES = 20


def plot_embedding(
    features: Any,
    labels: Any,
    class_names: Sequence[str] | None = None,
    method: str = "pca",
    seed: int = 0,
) -> "Figure":
    """Projects features onto the plane and draws one point an image.

    Above 5,000 points a seeded sample is drawn.

    Args:
        features: `(n, dim)`, finite, at least 3 rows and 2 columns.
        labels: `(n,)` integer classes.
        class_names: Name of class 0, 1, ...; None: the numbers themselves.
        method: "pca", the two directions of the greatest variance, or "tsne", which
            keeps neighbours together but no distances.
        seed: Seed of the sample and of t-SNE.

    Returns:
        A figure with equal scales on both axes, and a legend, or above 20 classes a
        colour bar.

    Raises:
        ValueError: If a shape or the method is another, or a feature is not finite.
    """
    features, labels = np.asarray(features, np.float32), np.asarray(labels)
    check_map(features, labels, method)
    generator = np.random.default_rng(seed)
    kept = generator.permutation(len(features))[:_MOST_POINTS]
    # The sample's order is random, so that no class lies on top of all others.
    points, axis_names = project(features[kept], method, seed)

    figure = new_figure(7.2, 5.6)
    ax = figure.subplots()
    classes, index = np.unique(labels, return_inverse=True)
    colours = colours_of(len(classes))
    size = float(np.clip(20_000 / len(kept), 8, 40))
    ax.scatter(
        *points.T, c=colours[index[kept]], s=size, alpha=0.75, linewidths=0, zorder=2
    )
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel(axis_names[0], fontsize=9)
    ax.set_ylabel(axis_names[1], fontsize=9)
    ax.set_xticks([])
    ax.set_yticks([])
    some = "" if len(kept) == len(features) else f" of {len(features):,}"
    ax.set_title(f"{METHODS[method]} of {len(kept):,}{some} embeddings", fontsize=11)
    names = [class_name(label, class_names) for label in classes]
    if len(classes) <= _MOST_NAMES:
        _add_legend(figure, colours, names)
    else:
        _add_colour_bar(figure, colours, names)
    return figure


def check_map(features: np.ndarray, labels: np.ndarray, method: str) -> None:
    """Stops at what cannot be drawn.

    Raises:
        ValueError: If a shape or the method is another, or a feature is not finite.
    """
    if method not in METHODS:
        raise ValueError(
            f"`method` must be one of {', '.join(METHODS)}. Received: {method!r}"
        )
    if features.ndim != 2 or features.shape[0] < 3 or features.shape[1] < 2:
        raise ValueError(
            "`features` must have shape (n, dim) with n of at least 3 and dim of at "
            f"least 2. Received: shape {features.shape}"
        )
    if labels.shape != features.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"`labels` must hold {len(features)} integers. "
            f"Received: shape {labels.shape}, dtype {labels.dtype}"
        )
    if not np.isfinite(features).all():
        bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
        raise ValueError(
            f"`features` must be finite. Received: {len(bad)} rows that are not, the "
            f"first at {bad[0]}"
        )


def project(
    features: np.ndarray, method: str, seed: int
) -> tuple[np.ndarray, tuple[str, str]]:
    """Returns points `(n, 2)` and the names of the two axes.

    Args:
        features: `(n, dim)`, finite.
        method: "pca" or "tsne".
        seed: Of t-SNE.
    """
    from sklearn.decomposition import PCA

    pca = PCA(2, svd_solver="full")
    # A constant embedding has no variance to divide by: its shares are shown as 0.
    with np.errstate(invalid="ignore"):
        points = pca.fit_transform(features.astype(np.float64))
    if method == "pca":
        share = np.nan_to_num(pca.explained_variance_ratio_)
        names = (f"PC {i} ({x:.0%} of variance)" for i, x in enumerate(share, 1))
        return points, tuple(names)

    from sklearn.manifold import TSNE

    # Begun from the principal components, small, as scikit-learn does by itself where
    # they are not 0. A perplexity must be below the number of points.
    start = 1e-4 * points / (points[:, 0].std() or 1.0)
    perplexity = min(30.0, (len(features) - 1) / 3)
    tsne = TSNE(
        2, perplexity=perplexity, init=start.astype(np.float32), random_state=seed
    )
    return tsne.fit_transform(features), ("t-SNE 1", "t-SNE 2")


def colours_of(count: int) -> np.ndarray:
    """Returns `(count, 4)` colours, as different as that many can be."""
    from matplotlib import colormaps

    if count <= 10:
        return colormaps["tab10"](np.arange(count))
    if count <= 20:
        return colormaps["tab20"](np.arange(count))
    return colormaps["turbo"](np.linspace(0, 1, count))


def class_name(label: int, class_names: Sequence[str] | None) -> str:
    """Returns a class's name, or its number where it has none."""
    if class_names is not None and 0 <= label < len(class_names):
        return str(class_names[label])
    return str(label)


def _add_legend(figure: "Figure", colours: np.ndarray, names: list[str]) -> None:
    """Lists the classes beside the map, with points large enough to tell them."""
    from matplotlib.lines import Line2D

    dots = [
        Line2D([], [], marker="o", linestyle="", markersize=8, color=colour, label=name)
        for colour, name in zip(colours, names, strict=True)
    ]
    figure.legend(handles=dots, loc="outside right center", frameon=False, fontsize=10)


def _add_colour_bar(figure: "Figure", colours: np.ndarray, names: list[str]) -> None:
    """Shows the order of many classes along a bar, with some of their names."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    scale = ScalarMappable(Normalize(-0.5, len(names) - 0.5), ListedColormap(colours))
    ticks = np.unique(np.linspace(0, len(names) - 1, 11).round().astype(int))
    bar = figure.colorbar(scale, ax=figure.axes[0], ticks=ticks, shrink=0.8)
    bar.ax.set_yticklabels([names[i] for i in ticks], fontsize=9)
