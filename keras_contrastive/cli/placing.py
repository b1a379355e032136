"""Where a run runs: its strategy, its processes, and the batch that they share."""

from typing import Any

import tensorflow as tf

from keras_contrastive import distribute
from keras_contrastive.cli.run_folder import RunFolder


def given_in_full(given: dict[str, Any]) -> dict[str, Any]:
    """Returns the flags' values with those that stand for others written out.

    `--global_batch_size` is another word for `--batch_size`, `--tpu` is an address for
    `--strategy=tpu`, and a run that was cut off in `--output_dir` is one to resume.

    Args:
        given: Values of the flags by name, and in "explicit" the names of those that
            were given.

    Raises:
        ValueError: If two flags contradict each other.
    """
    given = {**given, "explicit": set(given["explicit"])}
    size = given.pop("global_batch_size")
    if size is not None:
        if given["batch_size"] not in (None, size):
            raise ValueError(
                "`global_batch_size` must be --batch_size, if both are given. "
                f"Received: {size} and {given['batch_size']}"
            )
        given["batch_size"] = size
        given["explicit"] = given["explicit"] - {"global_batch_size"} | {"batch_size"}
    if given["tpu"] is not None:
        if given["strategy"] not in ("auto", "tpu"):
            raise ValueError(
                "`tpu` must stand with --strategy=tpu or alone. "
                f"Received: {given['tpu']} with --strategy={given['strategy']}"
            )
        given["strategy"] = "tpu"
        given["explicit"] = given["explicit"] - {"tpu"} | {"strategy"}
    folder = given["output_dir"]
    if folder and not given["resume"] and RunFolder(folder).unfinished:
        given["resume"] = True
    return given


def place(given: dict[str, Any]) -> tf.distribute.Strategy:
    """Returns the strategy of a run: that of the flags, or that it began with.

    To be called before anything else, since TensorFlow meets other workers only before
    its first operation.

    Args:
        given: Values of the flags by name.

    Raises:
        ValueError: If several processes have no folder that all of them know.
    """
    name = given["strategy"]
    if given["resume"]:
        name = RunFolder.reopen(given["output_dir"])[1].strategy
    if name == "multiworker" and not given["output_dir"]:
        # Said before anybody waits for the others.
        raise ValueError(
            "`output_dir` must be given under several workers: one folder that all of "
            "them see. Received: None"
        )
    options = {"tpu": given["tpu"]} if name == "tpu" else {}
    return distribute.strategy(name, **options)


def check_batch(batch_size: int, strategy: tf.distribute.Strategy) -> None:
    """Stops at a batch that the replicas cannot share equally.

    Args:
        batch_size: Over all replicas.
        strategy: Of the run.

    Raises:
        ValueError: If they cannot, with the nearest sizes that they can.
    """
    replicas = strategy.num_replicas_in_sync
    if over := batch_size % replicas:
        below, above = batch_size - over, batch_size - over + replicas
        raise ValueError(
            f"`batch_size` must be a multiple of the {replicas} replicas, such as "
            f"{f'{below} or ' if below else ''}{above}. Received: {batch_size}"
        )
