import json

import keras
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.distribute.cluster import find_cluster


def tf_config(cluster, kind="worker", index=0):
    task = {"type": kind, "index": index}
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


def test_one_device_is_the_default_and_what_auto_finds_here(monkeypatch):
    for name in ("TPU_NAME", "TPU_WORKER_ID", "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("default", "auto"):
        assert kc.distribute.strategy(name) is tf.distribute.get_strategy()


def test_a_worker_says_who_it_is():
    addresses = ["a:1", "b:2", "c:3"]
    cluster = find_cluster(tf_config({"worker": addresses}, index=1))
    assert str(cluster) == (
        "worker 1 of 3 (not the chief) at b:2, by TF_CONFIG; all workers: a:1, b:2, c:3"
    )
    resolver = cluster.resolver()
    assert (resolver.task_type, resolver.task_id) == ("worker", 1)
    assert resolver.cluster_spec().as_dict() == {"worker": addresses}


def test_a_chief_of_its_own_is_the_first_worker():
    jobs = {"chief": ["a:1"], "worker": ["b:2", "c:3"]}
    assert find_cluster(tf_config(jobs, "chief")).index == 0
    cluster = find_cluster(tf_config(jobs, index=1))
    assert cluster.index == 2
    assert cluster.workers == ("a:1", "b:2", "c:3")


def test_slurm_s_tasks_are_workers_with_and_without_gpus():
    environment = {
        "SLURM_PROCID": "2",
        "SLURM_STEP_NUM_TASKS": "3",
        "SLURM_STEP_NODELIST": "node[07,09]",
        "SLURM_STEP_TASKS_PER_NODE": "2,1",
    }
    with pytest.MonkeyPatch.context() as patch:
        # TensorFlow's resolver reads the process's environment.
        for name, value in environment.items():
            patch.setenv(name, value)
        cluster = find_cluster()
    assert cluster.source == "SLURM"
    assert cluster.workers == ("node07:8888", "node07:8889", "node09:8888")
    assert cluster.index == 2


def test_without_a_cluster_the_process_is_alone(capfd, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    alone = find_cluster({})
    assert "worker 0 of 1 (the chief, which writes)" in str(alone)
    assert kc.distribute.is_chief()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TF_CONFIG": "{"}, "must be JSON"),
        ({"TF_CONFIG": '{"cluster": {}}'}, "must be JSON"),
        (tf_config({"worker": ["a:1"]}, index=1), "this process's task"),
        (tf_config({"worker": ["a:1"]}, "chief"), "this process's task"),
        (tf_config({"worker": ["a:1"], "ps": ["b:2"]}), "workers and perhaps a chief"),
        (tf_config({"worker": ["a:1"]}, "evaluator"), "this process's task"),
    ],
)
def test_a_wrong_cluster_is_refused(environment, words):
    with pytest.raises(ValueError, match=rf"(?s)`TF_CONFIG`.*{words}.*Received: "):
        find_cluster(environment)


def test_a_parameter_server_is_refused_with_the_reason():
    with pytest.raises(ValueError, match=r"no global batch.*Received: 'parameter_serv"):
        kc.distribute.strategy("parameter_server")


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("gpu", {}, "`name` must be one of auto, default"),
        ("default", {"devices": ["CPU:0"]}, "takes no options"),
        ("mirrored", {"tpu": "local"}, "takes .'devices'."),
        ("tpu", {}, "environment names no TPU"),
        ("tpu", {"tpu": "local"}, "can be reached from here"),
    ],
)
def test_what_cannot_work_is_refused(name, options, words, monkeypatch):
    for variable in ("TPU_NAME", "TPU_WORKER_ID", "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ValueError, match=rf"(?s){words}.*Received: "):
        kc.distribute.strategy(name, **options)


class Resolver:
    def __init__(self, tpu=None):
        self.tpu = tpu


@pytest.mark.parametrize("address", ["local", "grpc://10.0.0.2:8470", None])
def test_a_tpu_is_connected_initialised_and_given_bfloat16(address, monkeypatch):
    """With TensorFlow's TPU calls recorded, for want of a TPU."""
    calls = []
    monkeypatch.setenv("TPU_NAME", "named")
    distribute = tf.distribute
    monkeypatch.setattr(distribute.cluster_resolver, "TPUClusterResolver", Resolver)
    monkeypatch.setattr(
        tf.config, "experimental_connect_to_cluster", lambda r: calls.append("connect")
    )
    monkeypatch.setattr(
        tf.tpu.experimental, "initialize_tpu_system", lambda r: calls.append("start")
    )
    monkeypatch.setattr(distribute, "TPUStrategy", lambda r: ("on", r.tpu))
    options = {} if address is None else {"tpu": address}
    found = kc.distribute.strategy("tpu", bfloat16=True, **options)
    assert found == ("on", address)
    assert calls == (["start"] if address == "local" else ["connect", "start"])
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert kc.distribute.strategy("auto") == ("on", None)
