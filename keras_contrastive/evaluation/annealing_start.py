"""What an annealing needs before its first step, and what it must refuse."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive.energies import RBM, Bernoulli, Density, Energy, Gaussian
from keras_contrastive.samplers import Gibbs, Langevin, Sampler

from .energy_values import check_values, event_shape
from .enumeration import MOST_BITS, enumeration, exact_samples

# A base that excludes what the model allows would have weights without a mean.
_RAREST = 1e-4


def schedule(temperatures: int | Sequence[float]) -> np.ndarray:
    """Returns all t of a path, rising from 0 to 1, float64.

    Raises:
        ValueError: If they are none or do not rise from 0 to 1.
    """
    rising = np.asarray(temperatures)
    if rising.ndim == 0 and rising.dtype.kind in "iu" and rising >= 1:
        return np.linspace(0, 1, int(rising) + 1)
    rising = rising.astype(np.float64)
    if (
        rising.ndim != 1
        or len(rising) < 2
        or (rising[0], rising[-1]) != (0, 1)
        or not (np.diff(rising) > 0).all()
    ):
        raise ValueError(
            "`temperatures` must be a number of at least 1, or a list that rises from "
            f"0 to 1. Received: {temperatures}"
        )
    return rising


def check_sampler(energy: Energy, sampler: Sampler | None, steps: int) -> None:
    """Stops at a sampler that does not leave a path's densities as they are.

    Raises:
        TypeError: If it is no sampler.
        ValueError: If it is missing, biased, at another temperature than 1, or does not
            walk on such points; or if `steps` are given without it.
    """
    if sampler is None:
        if isinstance(energy, RBM):
            if steps != 1:
                raise ValueError(
                    "`steps` must be 1 where an RBM is annealed without a `sampler`. "
                    f"Received: {steps}"
                )
            return
        raise ValueError(
            "`sampler` must be given unless `energy` is an RBM, such as "
            "`kc.samplers.GibbsWithGradients()` on bits or `kc.samplers.MALA(0.01)` on "
            f"reals. Received: None for {type(energy).__name__}"
        )
    if not isinstance(sampler, Sampler):
        raise TypeError(
            f"`sampler` must be a `keras_contrastive.samplers.Sampler`. "
            f"Received: {sampler!r}"
        )
    if sampler.temperature != 1:
        raise ValueError(
            "`sampler` must have temperature 1: a chain at another one is not on the "
            f"path to exp(-E). Received: temperature {sampler.temperature}"
        )
    if isinstance(sampler, Langevin):
        raise ValueError(
            "`sampler` must leave exp(-E) as it is, or the weights are not unbiased: "
            "`kc.samplers.MALA` is Langevin dynamics that does. Received: Langevin"
        )
    sampler.check(energy)
    if isinstance(sampler, Gibbs) and energy.domain == "reals":
        raise ValueError(
            "`sampler` must be left out for an RBM with Gaussian units, whose layers "
            "are then drawn in turn: mixed energies are no RBMs. Received: Gibbs"
        )


def base_density(
    energy: Energy, base: Density | None, data: Any, by_layers: bool
) -> Density:
    """Returns the density that chains start from.

    Args:
        energy: Where they go.
        base: The density itself, or None.
        data: Points whose mean and variance it is given, or None.
        by_layers: Whether `energy` is an RBM that is annealed by its weights, whose
            base has the form of its visible units.

    Raises:
        TypeError: If `base` is no density.
        ValueError: If base and data are both given or do not fit the energy, or a
            weight of the energy is not finite.
    """
    shape = event_shape(energy)
    if not all(np.isfinite(np.asarray(weight)).all() for weight in energy.weights):
        raise ValueError("`energy` must have finite weights. Received: NaN or infinity")
    if base is not None:
        if not isinstance(base, Density):
            raise TypeError(
                "`base` must be a `keras_contrastive.energies.Density`. "
                f"Received: {base!r}"
            )
        if data is not None or by_layers:
            raise ValueError(
                "`base` must be left out where `data` is given or an RBM is annealed "
                "by its layers, whose base is independent units. Received: both"
            )
        if (base.domain, base.event_shape) != (energy.domain, shape):
            raise ValueError(
                f"`base` must be over {energy.domain} of shape {shape}. "
                f"Received: {base.domain} of shape {base.event_shape}"
            )
        return base
    if data is not None:
        data = checked_points("data", energy, data)
    if energy.domain == "bits":
        if data is not None:
            # As if each bit had been seen once more on and once more off.
            on = (data.sum(axis=0) + 1) / (len(data) + 2)
        elif by_layers:
            on = 1 / (1 + np.exp(-np.asarray(energy.visible_biases, np.float64)))
        else:
            on = np.full(shape, 0.5)
        return Bernoulli(np.clip(on, _RAREST, 1 - _RAREST), dtype=energy.compute_dtype)
    mean, variance = np.zeros(shape), np.ones(shape)
    if data is not None:
        mean, variance = data.mean(axis=0), data.var(axis=0) + _RAREST
    elif by_layers:
        mean = np.asarray(energy.visible_biases, np.float64)
    if by_layers:
        variance = energy.stddev**2
    return Gaussian(mean, variance, dtype=energy.compute_dtype)


def model_samples(
    energy: Energy, samples: Any, chains: int, seed: int
) -> tuple[np.ndarray | None, bool]:
    """Returns samples of the model, or None, and whether they are exact.

    Raises:
        ValueError: If those given do not fit the energy.
    """
    if samples is not None:
        samples = checked_points("samples", energy, samples)
        if len(samples) < 2:
            raise ValueError("`samples` must be at least 2 points. Received: 1")
        return samples, False
    if isinstance(energy, Density):
        own = _seeded.fold_in(tf.constant([seed, 1], tf.int64), 0)
        return energy.sample(chains, own).numpy(), True
    if enumeration(energy, most_hidden=MOST_BITS) is not None:
        return exact_samples(energy, chains, seed), True
    return None, False


def check_energies(name: str, energy: Energy, x: tf.Tensor) -> None:
    """Stops where a chain would begin at what the model excludes, and never leave.

    Args:
        name: The argument that the points are of.
        energy: Where they go.
        x: Points, `(n, ...)`.

    Raises:
        ValueError: If an energy is not finite.
    """
    values = check_values(energy(x).numpy())
    outside = np.isinf(values).sum()
    if outside:
        raise ValueError(
            f"`{name}` must lie where `energy` is finite, as a "
            "`kc.energies.Uniform` within its walls does. "
            f"Received: {outside} of {len(values)} points where it is not"
        )


def checked_points(name: str, energy: Energy, x: Any) -> np.ndarray:
    """Returns points as float64.

    Raises:
        ValueError: If there are none, or they do not fit the energy.
    """
    x = np.asarray(x, np.float64)
    shape = event_shape(energy)
    if x.shape[1:] != shape or not len(x):
        raise ValueError(
            f"`{name}` must hold points of shape {shape}. Received: shape {x.shape}"
        )
    fits = (x == 0) | (x == 1) if energy.domain == "bits" else np.isfinite(x)
    if not fits.all():
        kind = "bits, 0 or 1" if energy.domain == "bits" else "finite"
        raise ValueError(f"`{name}` must be {kind}. Received: {x[~fits][0]} in it")
    return x
