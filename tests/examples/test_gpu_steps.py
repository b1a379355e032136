"""The train steps that are lowered for a GPU machine without TensorFlow."""

import importlib
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

GPU = pathlib.Path(__file__).parents[2] / "examples" / "benchmarks" / "gpu"
# A Python that has jax, where this one has not.
PYTHON = os.environ.get("KERAS_CONTRASTIVE_JAX_PYTHON")
SMALL = {"encoder": "convnet", "source": 20, "size": 16, "batch": 8}
SMALL["options"] = {"filters": [8, 16]}
STEPS = {
    "simclr": {"method": "simclr", **SMALL},
    "moco": {"method": "moco", "queue": 20, "groups": 4, **SMALL},
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Both steps, lowered, with TensorFlow's own losses."""
    home = tmp_path_factory.mktemp("steps")
    before = set(sys.modules)
    sys.path.insert(0, str(GPU))
    try:
        lower_steps = importlib.import_module("lower_steps")
        for name, step in STEPS.items():
            lower_steps.check(step, home / name)
    finally:
        sys.path.remove(str(GPU))
        for name in set(sys.modules) - before:
            if str(GPU) in (getattr(sys.modules[name], "__file__", None) or ""):
                del sys.modules[name]
    return home


def described(folder):
    return json.loads((folder / "step.json").read_text())


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_text_that_any_compiler_knows(folders, name):
    text = (folders / name / "step.mlir").read_text()
    dialects = set(re.findall(r"= \"?([a-z]\w*)\.\w+", text))
    assert dialects == {"stablehlo"}
    assert "custom_call" not in text
    # Nor are there attributes of XLA's own.
    assert "mhlo." not in text
    assert "stablehlo.convolution" in text
    assert "stablehlo.rng_bit_generator" in text


@pytest.mark.parametrize("name", STEPS)
def test_arguments_and_outputs_are_told_apart(folders, name):
    about = described(folders / name)
    text = (folders / name / "step.mlir").read_text()
    main = next(line for line in text.splitlines() if "@main(" in line)
    taken, given = main.split(" -> (")
    kinds = {"float32": "f32", "int32": "i32", "int64": "i64", "uint8": "ui8"}
    types = [
        "x".join([*map(str, x["shape"]), kinds[x["dtype"]]]) for x in about["arguments"]
    ]
    assert re.findall(r"tensor<(\w+)>", taken) == types
    outputs = re.findall(r"tensor<(\w+)>", given)
    assert len(outputs) == len(about["outputs"]) + len(about["updates"])
    assert all(outputs[new] == types[old] for old, new in about["updates"])
    # All but the images and the learning rate is new after a step.
    kept = set(range(len(types))) - {old for old, _ in about["updates"]}
    assert {about["arguments"][i]["name"].split("/")[-1] for i in kept} == {
        "image",
        "learning_rate:0",
    }


def test_large_kernels_are_drawn_and_not_carried(folders):
    about = described(folders / "simclr")
    carried = np.load(folders / "simclr" / "state.npz")
    assert max(carried[name].size for name in carried.files) < 4096
    sides = {x["name"].split("/")[-1] for x in about["arguments"] if "seed" in x}
    assert sides <= {"kernel:0"}


@pytest.mark.slow
@pytest.mark.skipif(not (PYTHON or importlib.util.find_spec("jax")), reason="needs jax")
def test_jax_has_tensorflows_losses(folders):
    command = [PYTHON or sys.executable, str(GPU / "run_steps.py"), "check"]
    command += [str(folders / name) for name in STEPS]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    for line in run.stdout.splitlines():
        result = json.loads(line)
        assert len(set(result["tensorflow"])) == len(result["tensorflow"]) > 3
        np.testing.assert_allclose(result["losses"], result["tensorflow"], atol=1e-4)
        assert result["equal"]
    assert len(run.stdout.splitlines()) == len(STEPS)
