"""What a run of an energy method leaves for its reader: pictures and a likelihood."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_contrastive import energies, evaluation, plots, samplers
from keras_contrastive.cli.energies.methods import make_sampler
from keras_contrastive.cli.energies.points import Points
from keras_contrastive.cli.run_folder import RunFolder

BOUNDS = (-4.5, 4.5)
_CHAINS, _STEPS, _PICTURES = 100, 200, 5


class Film(keras.callbacks.Callback):
    """Draws the energy, or samples of it, a few times during training.

    Args:
        points: Of the run.
        folder: Of the run; pictures go to `film/`.
    """

    def __init__(self, points: Points, folder: RunFolder):
        super().__init__()
        self.points = points
        self.path = folder.path / "film"

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Draws at each fifth of the epochs."""
        epochs = self.params["epochs"]
        if (epoch + 1) % max(1, epochs // _PICTURES) == 0:
            self.path.mkdir(exist_ok=True)
            number = len(str(epochs))
            figure = _moment(self.model, self.points)
            plots.save(figure, self.path / f"epoch_{epoch + 1:0{number}}.png")


def _moment(model: keras.Model, points: Points) -> Any:
    if isinstance(model.energy, energies.AutoencoderEnergy):
        spots = _flat_spots(model.energy, points)
        # Where points are sent farther than the noise is wide, all is one colour.
        depth = points.settings.arguments["noise_stddev"] ** 2
        return plots.plot_vector_field(
            model.energy, BOUNDS, points.some()[:500], spots, depth
        )
    if points.settings.toy:
        return plots.plot_energy_surface(
            model.energy, BOUNDS, points.some()[:500], _particles(model)
        )
    shown = _particles(model)
    if shown is None:
        shown = _samples(model, points).samples[-1].numpy()
    return plots.plot_particles(shown, points.image_shape)


def _flat_spots(
    energy: energies.AutoencoderEnergy, points: Points
) -> evaluation.FlatSpots:
    """Returns the zeros of the field; false are those as far off as the noise is wide.

    Args:
        energy: Of an autoencoder in the plane.
        points: Of the run.
    """
    off_data = points.settings.arguments["noise_stddev"]
    return evaluation.flat_spots(energy, BOUNDS, points.some(), off_data)


def _particles(model: keras.Model) -> np.ndarray | None:
    buffer = getattr(model, "buffer", None)
    return None if buffer is None else buffer.particles.numpy()[:500]


def _samples(model: keras.Model, points: Points) -> samplers.Chain:
    """Returns chains of the model's own sampler that start at noise."""
    arguments = {"step_size": 0.01} | points.settings.arguments
    sampler = getattr(model, "sampler", None) or make_sampler(model.energy, arguments)
    generator = np.random.default_rng(points.settings.seed)
    shape = (_CHAINS, *points.shape)
    if model.energy.domain == "bits":
        start = generator.integers(0, 2, shape)
    elif points.settings.toy:
        start = generator.uniform(*BOUNDS, shape)
    else:
        start = generator.uniform(size=shape)
    seed = [points.settings.seed, 1]
    return sampler.chain(
        model.energy, start.astype(np.float32), _STEPS, seed, thin=_STEPS // 10
    )


def draw(model: keras.Model, points: Points, folder: RunFolder) -> None:
    """Writes the pictures of a finished run."""
    energy = model.energy
    chain = _samples(model, points)
    pictures: dict[str, Callable[[], Any]] = {
        "curves": lambda: plots.plot_curves(folder.read_history()),
        "energies": lambda: plots.plot_energy_histograms(
            {
                "data": energy(points.some()).numpy(),
                "samples": energy(chain.samples[-1]).numpy(),
            }
        ),
    }
    if points.settings.toy:
        pictures["surface"] = lambda: _moment(model, points)
    else:
        pictures["chain"] = lambda: plots.plot_chain(
            chain.samples.numpy(),
            points.image_shape,
            range(_STEPS // 10, _STEPS + 1, _STEPS // 10),
        )
    if _particles(model) is not None and not points.settings.toy:
        pictures["particles"] = lambda: _moment(model, points)
    if isinstance(energy, energies.RBM):
        pictures["filters"] = lambda: plots.plot_filters(energy, points.image_shape)
    for name, picture in pictures.items():
        plots.save(picture(), folder.path / f"{name}.png")


def likelihood(model: keras.Model, points: Points) -> str:
    """Returns what can be said of the model's likelihood on held-out points."""
    energy, held_out = model.energy, points.some(held_out=True)
    if isinstance(energy, energies.AutoencoderEnergy):
        spots = _flat_spots(energy, points)
        return (
            f"Mean |r(x) - x|^2 of {len(held_out)} held-out points: "
            f"{float(energy(held_out).numpy().mean()):.4f}. It is 0 as well at "
            f"{int(spots.false.sum())} of the {len(spots.false)} places where r(x) = x "
            "that are no data: flat spots."
        )
    if points.settings.toy:
        log_z: Any = _log_z_on_grid(energy)
        how = f"log Z = {log_z:.3f} by quadrature"
    elif isinstance(energy, energies.RBM):
        log_z = evaluation.ais_log_partition(
            energy, temperatures=1000, data=points.some(), seed=points.settings.seed
        )
        how = (
            f"log Z = {log_z.log_z:.2f} ± {log_z.standard_error:.2f} by annealed "
            "importance sampling over 1,000 temperatures"
        )
    else:
        return (
            f"The likelihood of {type(energy).__name__} over points of shape "
            f"{points.shape} is not estimated; kc.evaluation.ais_log_partition can."
        )
    mean, error = evaluation.mean_log_likelihood(energy, held_out, log_z)
    return (
        f"Mean log-likelihood of {len(held_out)} held-out points: {mean:.2f} ± "
        f"{error:.2f} nats ({how})."
    )


def _log_z_on_grid(energy: energies.Energy) -> float:
    # Of the model as cut off at the edge of the pictures, where a network need not
    # have risen.
    return evaluation.exact_log_partition(energy, BOUNDS, tolerance=float("inf"))
