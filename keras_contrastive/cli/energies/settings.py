"""What a run of an energy method depends on: the flags, and what suits the dataset."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from keras_contrastive.cli.energies.methods import OF_REALS
from keras_contrastive.cli.energies.options import given_to

TOY = "toy/"


@dataclasses.dataclass(frozen=True)
class EnergySettings:
    """A run of an energy method; written to `config.json`, enough to repeat it."""

    method: str
    dataset: str
    data_dir: str | None
    download: bool
    train_split: str | None
    energy: str
    hidden_units: int
    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    arguments: dict[str, Any]
    seed: int
    strategy: str
    jit_compile: bool
    steps_per_execution: int
    checkpoint_every: int | None
    image_dir: str | None = None
    image_labels: bool | None = None
    bad_files: str = "skip"
    odd_files: str = "use"
    image_digest: str | None = None

    @property
    def toy(self) -> str | None:
        """Name of the toy, where the dataset is one."""
        return self.dataset.removeprefix(TOY) if _is_toy(self.dataset) else None

    @property
    def bits(self) -> bool:
        """Whether points are bits."""
        return self.toy is None and self.energy in ("rbm", "boltzmann")


_TOYS = {
    "energy": "network",
    "hidden_units": 128,
    "epochs": 60,
    "batch_size": 256,
    "optimizer": "adam",
    "learning_rate": 3e-3,
}
_RBM = {
    "energy": "rbm",
    "epochs": 100,
    "batch_size": 100,
    "optimizer": "sgd",
    "learning_rate": 0.05,
}
_NETWORK = {**_TOYS, "epochs": 20, "batch_size": 100, "learning_rate": 1e-3}
# Chains long enough for a smooth network in the plane.
_TOY_CHAINS = {"chain_steps": 20, "step_size": 0.05, "particles": 1000}


def resolve(given: Mapping[str, Any], pixels: int | None) -> EnergySettings:
    """Returns complete settings.

    Args:
        given: Values of the flags by name, and in "explicit" the names of those that
            were given.
        pixels: Numbers of an image; None for a toy.

    Raises:
        ValueError: If values do not go together.
    """
    method = given["method"]
    toy = pixels is None
    network = toy or method in OF_REALS or given["energy"] == "network"
    usual = _TOYS if toy else _NETWORK if network else _RBM
    usual = {"hidden_units": 500 if (pixels or 0) > 400 else 64, **usual}
    if not toy and not network and pixels > 400:
        usual["epochs"] = 40
    arguments = given_to(method, dict(given))
    if network:
        chains = {k: v for k, v in _TOY_CHAINS.items() if k in arguments}
        arguments |= {k: v for k, v in chains.items() if k not in given["explicit"]}
    if method == "dae":
        usual = {**usual, "energy": "autoencoder"}
    if (method in OF_REALS or given["energy"] == "autoencoder") and (
        given["energy"] not in (None, usual["energy"])
    ):
        raise ValueError(
            f"`energy` must be {usual['energy']} for {method} on these points. "
            f"Received: {given['energy']}"
        )
    names = {field.name for field in dataclasses.fields(EnergySettings)}
    values = {key: value for key, value in given.items() if key in names}
    for key, value in usual.items():
        if values[key] is None:
            values[key] = value
    if values["optimizer"] == "lars":
        raise ValueError(
            "`optimizer` must be sgd or adam for energy methods. Received: lars"
        )
    return EnergySettings(**values, arguments=arguments)


def _is_toy(dataset: str) -> bool:
    return dataset.startswith(TOY)
