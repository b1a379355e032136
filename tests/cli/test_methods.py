import inspect
import json
import shutil

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.cli import arguments, pretrain
from keras_contrastive.cli.main import main
from keras_contrastive.cli.methods import METHODS
from keras_contrastive.cli.run_folder import RunFolder

THERE = [name for name, x in METHODS.items() if hasattr(kc.models, x.model)]
MISSING = sorted(set(METHODS) - set(THERE))
# Flags that are called otherwise than the class's argument, or have none there.
NAMES = {"nce": "h", "momentum_schedule": None}
OF_THE_RUN = {"self", "encoder", "augment", "dataset_size", "seed", "kwargs"}


def needs(*names):
    missing = sorted(set(names) & set(MISSING))
    return pytest.mark.skipif(bool(missing), reason=f"{missing} are not there yet")


@pytest.mark.parametrize("name", METHODS)
def test_the_defaults_are_those_of_the_class(name):
    if name in MISSING:
        pytest.skip(f"kc.models.{METHODS[name].model} is not there yet")
    signature = inspect.signature(getattr(kc.models, METHODS[name].model).__init__)
    if METHODS[name].build is not None:
        loss = signature.parameters["loss"].default
        assert METHODS[name].arguments["reconstruction"] == loss
        return
    of_class = {
        key: x.default
        for key, x in signature.parameters.items()
        if key not in OF_THE_RUN
    }
    of_flags = {
        NAMES.get(key, key): x
        for key, x in METHODS[name].arguments.items()
        if NAMES.get(key, key)
    }
    if name == "pirl":
        # The class takes as many, or what there is.
        assert of_class.pop("negatives") is None
        assert of_flags.pop("negatives") == 32000
    if late := {"block_size", "chunk_size"} & set(of_flags) - set(of_class):
        pytest.skip(f"{sorted(late)} are not there yet")
    assert of_flags == of_class


def test_every_argument_is_a_flag_and_every_flag_an_argument():
    taken = {key for x in METHODS.values() for key in x.arguments}
    assert taken == set(arguments.NAMES)


@pytest.mark.parametrize("method", METHODS)
def test_a_flag_of_another_method_names_those_that_take_it(method, capsys):
    strange = next(x for x in arguments.NAMES if x not in METHODS[method].arguments)
    values = {"transform": "jigsaw", "loss": "margin", "symmetric": "true"}
    given = f"--{strange}={values.get(strange, '1')}"
    assert main(["pretrain", f"--method={method}", given]) == 2
    err = capsys.readouterr().err
    assert f"--{strange} is taken by" in err
    assert f"--method={method}" in err
    for taker in METHODS:
        if strange in METHODS[taker].arguments:
            assert taker in err.partition("alone")[0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["moco", "--momentum=1"], ["--momentum", "below 1", "1.0"]),
        (["moco", "--queue_size=0"], ["--queue_size=0", "positive"]),
        (["moco", "--queue_size=64"], ["--queue_size", "at least 256", "64"]),
        (["moco", "--queue_size=300", "--symmetric"], ["at least 512", "300"]),
        (["moco", "--batch_size=100"], ["--batch_norm_groups", "100", "8"]),
        (["moco", "--batch_size=8"], ["--batch_norm_groups", "two images", "8"]),
        (["simclr", "--chunk_size=100"], ["--chunk_size", "256", "100"]),
        (["moco", "--momentum_schedule=step"], ["fixed", "cosine"]),
        (["simclr", "--projection_layers=4"], ["--projection_layers", "1, 2 or 3"]),
        (["pirl", "--negatives=some"], ["--negatives", "batch", "some"]),
        (["pirl", "--negatives=0"], ["--negatives", "positive"]),
        (["pirl", "--weight=2"], ["--weight", "0 to 1", "2.0"]),
        (["pirl", "--transform=flip"], ["jigsaw", "rotation"]),
        (["siamese", "--mining=easy"], ["semi_hard", "hard", "all"]),
        (["simclr", "--schedule=steps", "--warmup_epochs=1"], ["--warmup_epochs"]),
        (["simclr", "--recipe=simclr_cifar11"], ["simclr_cifar10", "simclr_cifar11"]),
    ],
)
def test_unfit_values_are_named_and_leave_no_folder(
    given, words, data, capsys, tmp_path
):
    out = tmp_path / "out"
    assert main(["pretrain", f"--method={given[0]}", *given[1:], f"--output_dir={out}"])
    err = capsys.readouterr().err
    for word in words:
        assert word in err
    assert "Traceback" not in err
    assert not out.exists()


def test_a_set_without_labels_is_refused_where_they_are_needed(data, mocked, capsys):
    # tfds marks as -1 what has no label.
    mocked("lfw", train=20)
    arguments = ["pretrain", "--dataset=lfw", "--batch_size=8"]
    assert main([*arguments, "--method=supcon"]) == 2
    err = capsys.readouterr().err
    assert "--dataset must have class labels" in err
    assert "lfw" in err
    given = ["--method=siamese", "--pairs=labels"]
    assert main([*arguments, *given]) == 2
    assert "--dataset must have class labels" in capsys.readouterr().err


def test_labels_that_are_not_known_are_refused(data, monkeypatch, capsys):
    load = pretrain.load

    def unlabelled(settings, split):
        return load(settings, split).map(lambda x: {**x, "label": x["label"] * 0 - 1})

    monkeypatch.setattr(pretrain, "load", unlabelled)
    assert main(["pretrain", "--method=supcon", "--train_split=train[:50%]"]) == 2
    err = capsys.readouterr().err
    assert "--train_split must have class labels" in err
    assert "train[:50%]" in err


@needs("supcon")
def test_what_learnt_from_labels_says_so_and_goes_on_being_used(data, tmp_path, capsys):
    run = tmp_path / "run"
    arguments = ["--epochs=2", "--evaluate_images=200", f"--output_dir={run}"]
    assert main(["pretrain", "--method=supcon", *arguments]) == 0
    out = capsys.readouterr().out
    assert "The labels of these images are used." in out
    assert "no measure of learning from few labels" in out
    assert "pretrained encoder, with labels" in (run / "evaluation.md").read_text()
    few = ["--labels_per_class=1", "--draws=1", "--images=100"]
    assert main(["evaluate", f"--run={run}", *few]) == 0
    assert "raw pixels" in capsys.readouterr().out
    assert main(["finetune", f"--run={run}", "--epochs=1"]) == 0


@needs("moco")
def test_a_run_with_a_queue_goes_on_as_if_it_was_not_killed(
    data, tmp_path, monkeypatch
):
    class Killed(Exception):
        pass

    class Killer(pretrain.Progress):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.step.numpy()) == 10:
                raise Killed

    monkeypatch.setattr(pretrain.export, "export_encoder", lambda *_: None)
    monkeypatch.setattr(pretrain, "draw", lambda *_: None)
    arguments = [
        "pretrain",
        "--method=moco",
        "--momentum_schedule=cosine",
        "--queue_size=512",
        "--epochs=3",
        "--batch_size=256",
        "--checkpoint_every=1",
        "--evaluate_images=0",
    ]
    models = {}
    for name in ("whole", "killed"):
        folder = tmp_path / name
        with monkeypatch.context() as patch:
            if name == "killed":
                patch.setattr(pretrain, "Progress", Killer)
                with pytest.raises(Killed):
                    main([*arguments, f"--output_dir={folder}"])
                # Another setting of the method is refused, the same one is not.
                again = ["pretrain", "--resume", f"--output_dir={folder}"]
                assert main([*again, "--momentum=0.5"]) == 2
                assert main([*again, "--nosymmetric", "--batch_norm_groups=4"]) == 2
        more = ["--resume"] if name == "killed" else []
        assert main([*arguments, f"--output_dir={folder}", *more]) == 0
        models[name] = keras.saving.load_model(folder / "checkpoint.keras")
        config = json.loads((folder / "config.json").read_text())["settings"]
        assert config["arguments"]["momentum_schedule"] == "cosine"
        assert RunFolder(folder).read_history()["epoch"] == [1, 2, 3]
    momentum = models["whole"].get_config()["momentum"]
    assert momentum["config"] == {"base": 0.9, "steps": 12}
    for a, b in zip(models["whole"].variables, models["killed"].variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


def test_resuming_names_an_argument_that_changed(finished, data, tmp_path, capsys):
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    arguments = ["pretrain", "--resume", f"--output_dir={folder}"]
    assert main([*arguments, "--temperature=0.25"]) == 2
    err = capsys.readouterr().err
    assert "--temperature must stay 0.5" in err
    assert "Received: 0.25" in err
    assert main([*arguments, "--queue_size=512"]) == 2
    assert "--queue_size is taken by moco and nnclr" in capsys.readouterr().err
