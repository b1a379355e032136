"""Making and saving figures, without pyplot and its global state."""

import os
import pathlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100


def new_figure(width: float, height: float) -> "Figure":
    """Returns an empty figure that needs no display and that nothing else holds.

    Args:
        width: Width in inches; 100 pixels each.
        height: Height in inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: "Figure", path: str | os.PathLike) -> pathlib.Path:
    """Writes a figure to a file, and makes the folder when it is missing.

    Args:
        figure: What a function of this package returned.
        path: File whose suffix says the format: .png, .pdf or .svg.

    Returns:
        The path.

    Raises:
        ValueError: If the suffix is none of these.
    """
    path = pathlib.Path(path).expanduser()
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ValueError(
            f"`path` must end in .png, .pdf or .svg. Received: {str(path)!r}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI)
    return path
