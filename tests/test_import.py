import pathlib
import subprocess
import sys

import pytest

SLOW = ("keras_cv", "tensorflow_datasets", "matplotlib", "sklearn", "absl.flags")


def fresh(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PATH": "", "HOME": "/tmp", "TF_CPP_MIN_LOG_LEVEL": "2", **environment},
    )


def test_importing_adds_our_modules_and_no_slow_ones():
    """Counted in modules: seconds depend on the machine."""
    run = fresh(
        "import sys, tensorflow, keras; before = set(sys.modules);"
        "import keras_contrastive;"
        "new = {name.split('.')[0] for name in set(sys.modules) - before};"
        "print(*sorted(new))"
    )
    assert run.returncode == 0, run.stderr
    new = set(run.stdout.split())
    assert "keras_contrastive" in new
    assert not new & {name.split(".")[0] for name in SLOW if name != "absl.flags"}
    # The standard library's own, and nothing else.
    assert new - {"keras_contrastive"} <= set(sys.stdlib_module_names), new


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], [], ["pretrian"]])
def test_help_and_a_misspelt_command_import_no_tensorflow(arguments):
    run = fresh(
        "import atexit, sys;"
        f"sys.argv[:] = ['/usr/bin/keras-contrastive', *{arguments}];"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
        "from keras_contrastive.cli.main import run; run()"
    )
    assert run.returncode == (2 if arguments == ["pretrian"] else 0), run.stderr
    modules = run.stderr.splitlines()[-1].split()
    assert "keras_contrastive.cli.main" in modules
    assert not {"tensorflow", "keras", "numpy"} & set(modules)


def test_help_of_the_module_imports_no_tensorflow_either():
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "keras_contrastive", "--help"],
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parents[1],
    )
    assert "keras-contrastive COMMAND" in run.stdout
    imported = {x.split("|")[-1].strip() for x in run.stderr.splitlines()}
    assert "keras_contrastive.cli.main" in imported
    assert not {"tensorflow", "keras"} & imported


def test_lazy_classes_are_known_to_keras_before_their_room_is_open():
    code = (
        "import sys, keras, keras_contrastive as kc;"
        "assert 'keras_cv' not in sys.modules;"
        "config = {'module': 'keras_contrastive.augment.policy',"
        " 'class_name': 'RandomResizedCrop', 'config': {'image_size': 8},"
        " 'registered_name': 'keras_contrastive>RandomResizedCrop'};"
        "layer = keras.saving.deserialize_keras_object(config);"
        "assert type(layer) is kc.augment.RandomResizedCrop;"
        "assert kc._lazy.LAZY_CLASSES.keys() =="
        " {n for n in kc.augment.__all__ if isinstance(getattr(kc.augment, n), type)}"
        " - {'StatelessAugmentation', 'Corruption'}"
    )
    run = fresh(code)
    assert run.returncode == 0, run.stderr


def test_another_backend_is_refused_with_its_name():
    run = fresh("import keras_contrastive", KERAS_BACKEND="jax")
    assert run.returncode == 1
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: keras_contrastive needs")
    assert "KERAS_BACKEND=tensorflow" in last
