"""Which processes train together, and which of them this one is."""

import dataclasses
import json
import os
from collections.abc import Mapping

import tensorflow as tf

_SLURM = tuple(
    f"SLURM_{name}"
    for name in ("PROCID", "STEP_NUM_TASKS", "STEP_NODELIST", "STEP_TASKS_PER_NODE")
)
_EXAMPLE = (
    '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of a run.

    Attributes:
        source: Where this was read: "TF_CONFIG", "SLURM" or "no cluster".
        workers: Address of each worker, the chief first.
        index: This process's place among them.
    """

    source: str
    workers: tuple[str, ...]
    index: int

    def __str__(self) -> str:
        role = "the chief, which writes" if self.index == 0 else "not the chief"
        return (
            f"worker {self.index} of {len(self.workers)} ({role}) at "
            f"{self.workers[self.index]}, by {self.source}; all workers: "
            f"{', '.join(self.workers)}"
        )

    def resolver(self) -> tf.distribute.cluster_resolver.ClusterResolver:
        """Returns what TensorFlow asks for the cluster, with the GPUs seen here."""
        gpus = len(tf.config.list_physical_devices("GPU"))
        return tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": list(self.workers)}),
            task_type="worker",
            task_id=self.index,
            num_accelerators={"GPU": gpus},
            rpc_layer="grpc",
        )


def find_cluster(environment: Mapping[str, str] = os.environ) -> Cluster:
    """Reads from the environment who trains together.

    `TF_CONFIG` comes first, then what SLURM gives the tasks of an `srun` step: a
    worker a task, from port 8888 on.

    Args:
        environment: Of the process.

    Returns:
        The cluster, of this process alone where the environment names none.

    Raises:
        ValueError: If `TF_CONFIG` cannot be used.
    """
    if environment.get("TF_CONFIG"):
        return _from_tf_config(environment["TF_CONFIG"])
    if all(environment.get(name) for name in _SLURM):
        return _from_slurm(int(environment["SLURM_PROCID"]))
    return Cluster("no cluster", ("localhost",), 0)


def _from_tf_config(text: str) -> Cluster:
    expected = f"`TF_CONFIG` must be JSON such as {_EXAMPLE}. Received:"
    try:
        config = json.loads(text)
        jobs = {name: list(tasks) for name, tasks in config["cluster"].items()}
        kind, index = config["task"]["type"], int(config["task"]["index"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{expected} {text}") from error
    if extra := sorted(set(jobs) - {"chief", "worker"}):
        raise ValueError(
            "`TF_CONFIG` must have workers and perhaps a chief alone: parameter "
            "servers and evaluators have nothing to do here, where every worker "
            f"holds all weights. Received: {extra}"
        )
    chiefs, workers = jobs.get("chief", []), jobs.get("worker", [])
    place = index if kind == "chief" else len(chiefs) + index
    if len(chiefs) > 1 or index < 0 or index >= len(jobs.get(kind, [])):
        raise ValueError(
            f"`TF_CONFIG` must name this process's task among its tasks. Received: "
            f"task {kind} {index} of {jobs}"
        )
    return Cluster("TF_CONFIG", (*chiefs, *workers), place)


def _from_slurm(index: int) -> Cluster:
    # The resolver shares out GPUs as well, and fails where there are none: told of one
    # for each task, and asked for the addresses alone, it is of use everywhere.
    found = tf.distribute.cluster_resolver.SlurmClusterResolver(
        gpus_per_node=2**16, gpus_per_task=1, auto_set_gpu=False
    ).cluster_spec()
    return Cluster("SLURM", tuple(found.as_dict()["worker"]), index)
