"""Choosing where a model runs, by name."""

from typing import Any

import tensorflow as tf

NAMES = ("auto", "default", "mirrored", "multiworker", "tpu")


def strategy(name: str = "auto", **options: Any) -> tf.distribute.Strategy:
    """Returns the `tf.distribute` strategy of a name.

    Build the encoder and the model, and compile it, inside `strategy.scope()`.

    Args:
        name: "default" for one device; "mirrored" for all GPUs of this machine, or
            the `devices` given; "multiworker" for several machines as `TF_CONFIG`
            tells; "tpu" for a TPU, whose address is `tpu` (None: found by the
            platform's environment); "auto" for a TPU where the environment names one,
            else all GPUs where there are several, else one device.
        **options: `devices` (mirrored), `tpu` (tpu).

    Returns:
        The strategy.

    Raises:
        ValueError: If the name or an option is not known, or a name that cannot work
            here is asked for.
    """
    allowed = {"mirrored": {"devices"}, "tpu": {"tpu"}}.get(name, set())
    if name == "parameter_server":
        raise ValueError(
            "`name` must be one of " + ", ".join(NAMES) + ": Keras 3's `fit` does not "
            "run under ParameterServerStrategy. Received: 'parameter_server'"
        )
    if name not in NAMES:
        raise ValueError(
            f"`name` must be one of {', '.join(NAMES)}. Received: {name!r}"
        )
    if unknown := set(options) - allowed:
        raise ValueError(
            f"`strategy({name!r})` takes {sorted(allowed) or 'no options'}. "
            f"Received: {sorted(unknown)}"
        )
    if name == "auto":
        name = _best()
    if name == "tpu":
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
            tpu=options.get("tpu")
        )
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    if name == "mirrored":
        return tf.distribute.MirroredStrategy(options.get("devices"))
    if name == "multiworker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def _best() -> str:
    if tf.config.list_logical_devices("TPU"):
        return "tpu"
    return "mirrored" if len(tf.config.list_logical_devices("GPU")) > 1 else "default"
