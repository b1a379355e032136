"""The flags that energy methods take and embedding methods do not."""

from typing import Any

from absl import flags

from keras_contrastive.cli import images
from keras_contrastive.cli.energies.methods import ENERGY_METHODS

KINDS = ("rbm", "boltzmann", "network", "autoencoder")
# Kind: choices, or int or float with the least value.
_OWN: dict[str, tuple[Any, str]] = {
    "chain_steps": ((int, 0), "Steps of the chains for each update."),
    "step_size": (
        (float, 0),
        "Of Langevin chains on networks over reals (MALA's on toys); above 0.",
    ),
    "energy_regularisation": (
        (float, 0),
        "Weight of the squared energies, which keeps a network's near 0.",
    ),
    "contrast": (
        ("difference", "margin", "softplus", "square_square"),
        "How the energies of data and samples make a loss.",
    ),
    "particles": ((int, 1), "Chains that live on."),
    "ratio": ((int, 1), "Noise points a data point."),
    "noise_stddev": ((float, 0), "Standard deviation of the noise; above 0."),
}
NAMES = tuple(_OWN)
FIRST = "energy"
# Flags of pretrain that say something to energy methods, too.
SHARED = {
    "method",
    "dataset",
    "data_dir",
    "download",
    "train_split",
    *images.FLAGS,
    "epochs",
    "batch_size",
    "optimizer",
    "learning_rate",
    "seed",
    "strategy",
    "tpu",
    "global_batch_size",
    "jit_compile",
    "steps_per_execution",
    "checkpoint_every",
    "output_dir",
    "resume",
}


def define(values: flags.FlagValues) -> None:
    """Defines the flags; None leaves them to what suits the dataset."""
    flags.DEFINE_enum(
        FIRST,
        None,
        KINDS,
        "What is trained: a machine over bits, or a network; by default an RBM for "
        "images, whose pixels are drawn as bits, a network for toys and for dsm, an "
        "autoencoder for dae.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "hidden_units",
        None,
        "Hidden units of an RBM, or the width of a network's layers.",
        1,
        flag_values=values,
    )
    for name, (kind, words) in _OWN.items():
        words = f"{words} {_taken_by(name)}"
        if not isinstance(kind[0], type):
            flags.DEFINE_enum(name, None, kind, words, flag_values=values)
        elif kind[0] is int:
            flags.DEFINE_integer(name, None, words, kind[1], flag_values=values)
        else:
            flags.DEFINE_float(name, None, words, kind[1], flag_values=values)


def refuse_for_embeddings(method: str, given: dict[str, Any]) -> None:
    """Stops where an embedding method is given a flag of energies.

    Raises:
        ValueError: If it is.
    """
    for name in (FIRST, "hidden_units", *NAMES):
        if name in given["explicit"]:
            raise ValueError(
                f"`{name}` is taken by {', '.join(takers(name))} alone. "
                f"Received: --{name}={given[name]} with --method={method}"
            )


def given_to(method: str, given: dict[str, Any]) -> dict[str, Any]:
    """Returns the method's arguments: what was given, else its defaults.

    Args:
        method: Name of the method.
        given: Values of the flags by name, and in "explicit" the names of those that
            were given.

    Raises:
        ValueError: If a flag was given that the method does not take, or a value is
            out of its range.
    """
    arguments = dict(ENERGY_METHODS[method].arguments)
    both = SHARED | {FIRST, "hidden_units"}
    for name in sorted(given["explicit"]):
        if name in arguments:
            arguments[name] = given[name]
        elif name not in both:
            raise ValueError(
                f"`{name}` is not taken by {method}, which takes "
                f"{', '.join([FIRST, 'hidden_units', *arguments])}. "
                f"Received: --{name}={given[name]} with --method={method}"
            )
    for name in ("step_size", "noise_stddev"):
        if not arguments.get(name, 1) > 0:
            raise ValueError(f"`{name}` must be above 0. Received: {arguments[name]}")
    return arguments


def takers(name: str) -> list[str]:
    """Returns the energy methods that take a flag."""
    if name not in NAMES:
        return list(ENERGY_METHODS)
    return [method for method, x in ENERGY_METHODS.items() if name in x.arguments]


def _taken_by(name: str) -> str:
    each = [f"{x} {ENERGY_METHODS[x].arguments[name]}" for x in takers(name)]
    return f"[{', '.join(each)}]"
