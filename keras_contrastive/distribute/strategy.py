"""Choosing where a model runs, by name."""

import os
import sys
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute.cluster import find_cluster

NAMES = ("auto", "default", "mirrored", "multiworker", "tpu")
_OPTIONS = {"mirrored": {"devices"}, "tpu": {"tpu", "bfloat16"}, "auto": {"tpu"}}
# What the platforms set on machines that have a TPU, or the way to one.
_TPU_VARIABLES = ("TPU_NAME", "TPU_WORKER_ID", "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS")


def strategy(name: str = "auto", **options: Any) -> tf.distribute.Strategy:
    """Returns the `tf.distribute` strategy of a name.

    Build the encoder and the model, and compile it, inside `strategy.scope()`.

    Args:
        name: "default" for one device; "mirrored" for all GPUs of this machine, or
            the `devices` given; "multiworker" for several processes or machines, as
            `TF_CONFIG` tells or, in a step of SLURM's `srun`, its environment: says
            on standard error who it takes itself to be, and then waits for the
            others; "tpu" for a TPU; "auto" for a TPU where the environment names one,
            else all GPUs where there are several, else one device.
        **options: `devices`, of mirrored: names such as "GPU:0". `tpu`, of tpu and
            auto: a name or an address, "local" for the TPU of this machine, None for
            what the platform's environment names. `bfloat16`, of tpu: whether to make
            "mixed_bfloat16" Keras's default policy.

    Returns:
        The strategy, its TPU system initialised.

    Raises:
        ValueError: If the name or an option is not known, or a name that cannot work
            here is asked for.
    """
    if name == "parameter_server":
        raise ValueError(
            "`name` must be one of " + ", ".join(NAMES) + ": under "
            "ParameterServerStrategy workers step at their own times, so that there "
            "is no global batch to find negatives in, and Keras 3's `fit` does not "
            "run. Received: 'parameter_server'"
        )
    if name not in NAMES:
        raise ValueError(
            f"`name` must be one of {', '.join(NAMES)}. Received: {name!r}"
        )
    allowed = _OPTIONS.get(name, set())
    if unknown := set(options) - allowed:
        raise ValueError(
            f"`strategy({name!r})` takes {sorted(allowed) or 'no options'}. "
            f"Received: {sorted(unknown)}"
        )
    if name == "auto":
        name = "tpu" if options.get("tpu") else _best()
    if name == "tpu":
        return _tpu(options.get("tpu"), options.get("bfloat16", False))
    if name == "mirrored":
        return tf.distribute.MirroredStrategy(options.get("devices"))
    if name == "multiworker":
        return _multiworker()
    return tf.distribute.get_strategy()


def _tpu(address: str | None, bfloat16: bool) -> tf.distribute.Strategy:
    if address is None and not _has_tpu():
        raise ValueError(
            "`tpu` must be given where the environment names no TPU "
            f"({', '.join(_TPU_VARIABLES)}): its name, its address, or 'local'. "
            "Received: None"
        )
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=address)
        if address != "local":
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise ValueError(
            "`tpu` must be a TPU that can be reached from here with this build of "
            f"TensorFlow ({str(error).strip()}). Received: {address!r}"
        ) from error
    if bfloat16:
        keras.config.set_dtype_policy("mixed_bfloat16")
    return tf.distribute.TPUStrategy(resolver)


def _multiworker() -> tf.distribute.Strategy:
    cluster = find_cluster()
    # Before the wait for the others, of whom one may be called by a wrong name.
    print(f"multiworker: {cluster}", file=sys.stderr, flush=True)
    if len(cluster.workers) == 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.MultiWorkerMirroredStrategy(cluster.resolver())


def _has_tpu() -> bool:
    return any(os.environ.get(name) for name in _TPU_VARIABLES)


def _best() -> str:
    if _has_tpu() or tf.config.list_logical_devices("TPU"):
        return "tpu"
    return "mirrored" if len(tf.config.list_logical_devices("GPU")) > 1 else "default"
