"""What each energy method takes on the command line, and how it is made of it."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_contrastive import augment, energies, models, samplers

Arguments = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class EnergyMethod:
    """An energy method of the command line.

    Attributes:
        summary: One line.
        arguments: The arguments that it takes, each of them a flag, with its default.
        make: Turns the energy, the values of these flags, some training points and the
            seed into the model.
    """

    summary: str
    arguments: Mapping[str, Any]
    make: Callable[[energies.Energy, Arguments, np.ndarray, int], models.EnergyModel]


def make_energy(
    kind: str, shape: tuple[int, ...], bits: bool, hidden_units: int, seed: int
) -> energies.Energy:
    """Returns the energy of a name, untrained.

    Args:
        kind: "rbm", "boltzmann", "network" or "autoencoder".
        shape: Of a point.
        bits: Whether points are bits.
        hidden_units: Of an RBM, and the width of a network on points of one axis.
        seed: Of the weights, beside Keras's own.

    Raises:
        ValueError: If a machine of bits is asked for over reals.
    """
    if kind == "network":
        if len(shape) == 3:
            return energies.NetworkEnergy.convnet(shape)
        domain = "bits" if bits else "reals"
        return energies.NetworkEnergy.mlp(
            shape,
            (hidden_units,) * 2,
            domain=domain,
            # Toys have narrow modes.
            first_scale=2.0 if shape == (2,) else None,
        )
    if kind == "autoencoder":
        return energies.ReconstructionEnergy(_autoencoder(shape, hidden_units))
    if not bits:
        raise ValueError(
            f"`energy` must be network for points that are no bits. Received: {kind}"
        )
    if kind == "rbm":
        return energies.RBM(shape[0], hidden_units, seed=seed)
    return energies.BoltzmannMachine(shape[0], seed=seed)


def _autoencoder(shape: tuple[int, ...], width: int) -> keras.Model:
    """Returns an encoder and a decoder of two layers each, untrained."""
    dense = keras.layers.Dense
    encoder = [keras.Input(shape), dense(width, "swish"), dense(width, "swish")]
    decoder = [keras.Input([width]), dense(width, "swish"), dense(shape[0])]
    return keras.Sequential([keras.Sequential(encoder), keras.Sequential(decoder)])


def make_sampler(energy: energies.Energy, arguments: Arguments) -> samplers.Sampler:
    """Returns the sampler that suits an energy."""
    if isinstance(energy, energies.AutoencoderEnergy):
        stddev = arguments["noise_stddev"]
        return samplers.DenoisingLangevin(stddev, stddev**2 / 2)
    if energy.domain == "reals" and energy.event_shape == (2,):
        # Accepted or refused: right however steep the wells of a toy become.
        return samplers.MALA(arguments["step_size"])
    if energy.domain == "reals":
        return samplers.Langevin(arguments["step_size"])
    if isinstance(energy, energies.NetworkEnergy):
        return samplers.GibbsWithGradients()
    return samplers.Gibbs()


def make_noise(energy: energies.Energy, points: np.ndarray) -> energies.Density:
    """Returns noise as near to the data as independent pixels, or a Gaussian, can be.

    Args:
        energy: Over the same points.
        points: Of the data, `(n, ...)`.
    """
    if energy.domain == "bits":
        # Nothing that a point of data could do may be impossible.
        share = (points.sum(axis=0) + 1) / (len(points) + 2)
        return energies.Bernoulli(share)
    flat = points.reshape(len(points), -1)
    # Wider than the data, so that their edges are surrounded.
    return energies.Gaussian(flat.mean(axis=0), 1.5 * np.cov(flat.T))


def _cd(energy, arguments, points, seed):
    return models.ContrastiveDivergence(
        energy,
        make_sampler(energy, arguments),
        arguments["chain_steps"],
        arguments["contrast"],
        energy_regularisation=arguments["energy_regularisation"],
        seed=seed,
    )


def _pcd(energy, arguments, points, seed):
    return models.PersistentContrastiveDivergence(
        energy,
        make_sampler(energy, arguments),
        arguments["chain_steps"],
        arguments["particles"],
        energy_regularisation=arguments["energy_regularisation"],
        seed=seed,
    )


def _nce(energy, arguments, points, seed):
    noise = make_noise(energy, points)
    return models.NoiseContrastiveEstimation(
        energy, noise, arguments["ratio"], seed=seed
    )


def _ml(energy, arguments, points, seed):
    return models.MaximumLikelihood(energy, seed=seed)


def _dsm(energy, arguments, points, seed):
    return models.DenoisingScoreMatching(energy, arguments["noise_stddev"], seed=seed)


def _dae(energy, arguments, points, seed):
    encoder, decoder = energy.autoencoder.layers
    noise = augment.GaussianNoise(arguments["noise_stddev"])
    return models.DenoisingAutoencoder(encoder, decoder, noise, seed=seed)


def _of_points_alone(kind: type[models.EnergyModel]) -> Callable[..., Any]:
    return lambda energy, arguments, points, seed: kind(energy, seed=seed)


_CHAINS = {"chain_steps": 1, "step_size": 0.01, "energy_regularisation": 0.0}
ENERGY_METHODS = {
    "cd": EnergyMethod(
        "short chains from the data push the energy up (contrastive divergence)",
        {**_CHAINS, "contrast": "difference"},
        _cd,
    ),
    "pcd": EnergyMethod(
        "chains that live on from step to step push it up (persistent CD)",
        {**_CHAINS, "particles": 100},
        _pcd,
    ),
    "nce": EnergyMethod(
        "data are told from noise, log Z is learnt (noise contrastive estimation)",
        {"ratio": 1},
        _nce,
    ),
    "ratio_matching": EnergyMethod(
        "ratios of neighbours' probabilities, of bits",
        {},
        _of_points_alone(models.RatioMatching),
    ),
    "mpf": EnergyMethod(
        "as little as possible flows off the data (minimum probability flow), of bits",
        {},
        _of_points_alone(models.MinimumProbabilityFlow),
    ),
    "pseudo_likelihood": EnergyMethod(
        "each bit predicted from the others",
        {},
        _of_points_alone(models.PseudoLikelihood),
    ),
    "dsm": EnergyMethod(
        "the slope of the energy points back from noise, of reals",
        {"noise_stddev": 0.1},
        _dsm,
    ),
    "dae": EnergyMethod(
        "damaged points are mended (denoising autoencoder), here of toys",
        {"noise_stddev": 0.3},
        _dae,
    ),
    "ml": EnergyMethod(
        "exact maximum likelihood, of at most 20 bits or 2 reals", {}, _ml
    ),
}
# Over reals alone.
OF_REALS = ("dsm", "dae")
