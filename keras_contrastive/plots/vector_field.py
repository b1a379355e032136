"""An autoencoder in the plane: its energy, its arrows and its flat spots."""

from typing import TYPE_CHECKING, Any

from keras_contrastive.energies import AutoencoderEnergy
from keras_contrastive.evaluation.flat_spots import FlatSpots
from keras_contrastive.evaluation.quadrature import Bounds
from keras_contrastive.plots.energy_surface import draw_arrows, plot_energy_surface

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_vector_field(
    energy: AutoencoderEnergy,
    bounds: Bounds,
    data: Any = None,
    spots: FlatSpots | None = None,
    depth: float | None = None,
    title: str = "reconstruction energy, and where it sends points",
) -> "Figure":
    """Draws |r(x) - x|^2, arrows from x to r(x), and the flat spots.

    Args:
        energy: Of an autoencoder over two reals.
        bounds: Lowest and highest value, of both axes or of each.
        data: Points `(n, 2)`, drawn as dots.
        spots: What `kc.evaluation.flat_spots` found; the false ones are drawn, as
            crosses.
        depth: How far above the lowest energy the colours reach; None: to the highest.
        title: What is above it.

    Returns:
        A figure as of `plot_energy_surface`; each arrow ends at r(x), or where its
        room does.

    Raises:
        TypeError: If `energy` is not of an autoencoder.
        ValueError: As for `plot_energy_surface`.
    """
    if not isinstance(energy, AutoencoderEnergy):
        raise TypeError(
            "`energy` must be of an autoencoder, such as `ReconstructionEnergy`. "
            f"Received: {type(energy).__name__}"
        )
    figure = plot_energy_surface(
        energy, bounds, data, score=False, depth=depth, title=title
    )
    ax = figure.axes[0]
    draw_arrows(ax, energy.field, [ax.get_xlim(), ax.get_ylim()], energy.event_shape)
    if spots is not None and spots.false.any():
        ax.scatter(
            *spots.points[spots.false].T,
            s=60,
            marker="X",
            color="#e8000d",
            edgecolors="w",
            linewidths=0.8,
            zorder=5,
            label="flat spots off the data",
        )
        for legend in figure.legends:
            legend.remove()
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure
