import subprocess
import sys

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
