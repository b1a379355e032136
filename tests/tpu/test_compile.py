"""Every model's step compiles for TPUs, by their own compiler and without a TPU.

TensorFlow here registers no TPU kernels, so the check goes by what XLA is handed: the
step's StableHLO, which libtpu compiles for a described topology. It says nothing of
speed, nor of several cores: collectives are not in the step of one.
"""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest

from tests.contracts import energy_zoo, zoo

TOPOLOGY = "v5e:2x2"
# A Python that has jax and libtpu, where this one has not.
PYTHON = os.environ.get("KERAS_CONTRASTIVE_TPU_PYTHON")
COMPILE = pathlib.Path(__file__).with_name("compile_for_tpu.py")
NAMES = [*zoo.MODELS, *energy_zoo.MODELS]
STABLE_HLO = pathlib.Path(__file__).parents[2] / "examples/benchmarks/gpu/stable_hlo.py"
_spec = importlib.util.spec_from_file_location("stable_hlo", STABLE_HLO)
stable_hlo = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stable_hlo)


def missing():
    found = all(importlib.util.find_spec(name) for name in ("jax", "libtpu"))
    return not (PYTHON or found)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(missing(), reason="needs jax and libtpu: extra tpu-check"),
]


def compiled(paths):
    """Returns the error of each file, None where it compiles."""
    command = [PYTHON or sys.executable, str(COMPILE), TOPOLOGY, *map(str, paths)]
    # No chip is opened, which a lock would keep for one process.
    environment = {**os.environ, "ALLOW_MULTIPLE_LIBTPU_LOAD": "1"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    return [answer["error"] for answer in answers]


def written(name, folder):
    home = zoo if name in zoo.MODELS else energy_zoo
    keras.utils.set_random_seed(1)
    model = home.MODELS[name]()
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), jit_compile=True)
    batch = next(iter(model._prepared(home.dataset(name), training=True)))
    path = folder / f"{len(list(folder.iterdir()))}.mlir"
    path.write_text(stable_hlo.stable_hlo(model.train_step, batch))
    return path


@pytest.mark.timeout(1200)
def test_every_step_compiles_for_a_tpu(tmp_path):
    errors = compiled([written(name, tmp_path) for name in NAMES])
    failed = {n: e for n, e in zip(NAMES, errors, strict=True) if e is not None}
    assert failed == {}
    assert len(errors) == len(NAMES)


def test_what_has_no_place_on_a_tpu_is_found(tmp_path):
    # A call of the host's code, which no TPU can make.
    other = tmp_path / "host.mlir"
    other.write_text(
        "module { func.func public @main(%x: tensor<f32>) -> tensor<f32> {\n"
        "  %y = stablehlo.custom_call @on_the_host(%x) : (tensor<f32>) -> tensor<f32>\n"
        "  return %y : tensor<f32>\n} }\n"
    )
    assert "on_the_host" in compiled([other])[0]
