import json

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.cli import pretrain
from keras_contrastive.cli.main import main
from keras_contrastive.cli.methods import METHODS
from keras_contrastive.cli.policies import POLICIES
from keras_contrastive.cli.recipes import RECIPES, suiting
from keras_contrastive.cli.run_folder import RunFolder
from tests.cli.resolved import settings

OF_IMAGENET = [name for name in RECIPES if name.endswith("imagenet")]
FAST = [name for name in RECIPES if name not in OF_IMAGENET]


class NoBackup(keras.callbacks.Callback):
    """Writes nothing, where the weights of ImageNet's nets would take long."""

    def __init__(self, *_):
        super().__init__()

    def load(self):
        return None


def two_steps(name, tmp_path, monkeypatch, capsys, *more):
    """Runs the command with a recipe for two steps; returns its settings."""
    recipe = RECIPES[name]
    if not hasattr(kc.models, METHODS[recipe.method].model):
        pytest.skip(f"kc.models.{METHODS[recipe.method].model} is not there yet")
    # Other tests look at these, and they would take most of the time.
    models = []
    monkeypatch.setattr(
        pretrain.export, "export_encoder", lambda model, path: models.append(model)
    )
    monkeypatch.setattr(pretrain.export, "export_preset", lambda *_: None)
    monkeypatch.setattr(pretrain, "draw", lambda *_: None)
    monkeypatch.setattr(pretrain.callbacks, "Backup", NoBackup)
    folder = tmp_path / "run"
    arguments = ["--epochs=1", "--evaluate_images=0", f"--output_dir={folder}", *more]
    assert main(["pretrain", f"--recipe={name}", *arguments]) == 0
    assert "1 epochs of 2 steps" in capsys.readouterr().out
    assert np.isfinite(RunFolder(folder).read_history()["loss"]).all()
    config = json.loads((folder / "config.json").read_text())["settings"]
    changed = {"source", "arguments", "epochs", "warmup_epochs", "batch_size"}
    for field in set(vars(recipe)) - changed:
        assert config[field] == getattr(recipe, field), field
    wanted = {**METHODS[recipe.method].arguments, **recipe.arguments}
    assert set(config["arguments"]) == set(wanted)
    # Memories are cut down to what there is; all else is the recipe's.
    for argument, value in wanted.items():
        if argument not in ("queue_size", "negatives", "batch_norm_groups"):
            assert config["arguments"][argument] == value, argument
    assert models[0].step.numpy() == 2
    return config


@pytest.mark.parametrize("name", FAST)
def test_every_recipe_runs(name, data, mocked, tmp_path, monkeypatch, capsys):
    if RECIPES[name].dataset == "contrastive_digits":
        more = ["--batch_size=512"]
    else:
        # 90% of them are 32: what a method trains on that sees labels.
        mocked(RECIPES[name].dataset, train=36, test=10)
        more = ["--batch_size=16"]
    two_steps(name, tmp_path, monkeypatch, capsys, *more)


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_IMAGENET)
def test_every_imagenet_recipe_runs_at_full_size(
    name, data, mocked, tmp_path, monkeypatch, capsys
):
    # The small recipes show that it watches; here it would take memory, and most time.
    monkeypatch.setattr(pretrain.watching, "spread", lambda *_: [])
    # tfds's ImageNet has test images, without labels.
    mocked("imagenet2012", train=10, validation=10, test=10)
    wanted = {**METHODS[RECIPES[name].method].arguments, **RECIPES[name].arguments}
    more = [f"--{x}={wanted[x]}" for x in ("queue_size",) if x in wanted]
    if "batch_norm_groups" in wanted:
        # Of two images each, as many as the small batch has.
        more.append("--batch_norm_groups=2")
    config = two_steps(name, tmp_path, monkeypatch, capsys, "--batch_size=4", *more)
    assert (config["encoder"], config["image_size"]) == ("resnet50", 224)
    assert config["arguments"].get("queue_size") == wanted.get("queue_size")


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_recipe_for_every_kind_of_set(method):
    for dataset, side in (
        ("contrastive_digits", 8),
        ("cifar10", 32),
        ("imagenet2012", None),
    ):
        recipe = RECIPES[suiting(method, dataset, side)]
        assert (recipe.method, recipe.dataset) == (method, dataset)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_asks_for_what_there_is(name):
    recipe = RECIPES[name]
    method = METHODS[recipe.method]
    assert set(recipe.arguments) <= set(method.arguments)
    assert recipe.source
    images = {"contrastive_digits": 1197, "cifar10": 50_000, "imagenet2012": 1_281_167}
    arguments = {**method.arguments, **recipe.arguments}
    for memory in ("queue_size", "negatives"):
        # An epoch of keys would hold an image's own old one.
        if isinstance(arguments.get(memory), int):
            assert arguments[memory] <= images[recipe.dataset] / 2
    if "queue_size" in arguments:
        assert arguments["queue_size"] % recipe.batch_size == 0


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("simclr_imagenet", {"optimizer": "lars", "learning_rate": 0.3}),
        ("simclr_imagenet", {"weight_decay": 1e-6, "warmup_epochs": 10}),
        ("simclr_imagenet", {"temperature": 0.1, "projection_dim": 128}),
        ("simclr_cifar10", {"learning_rate": 1.0, "weight_decay": 1e-4}),
        ("simclr_cifar10", {"batch_size": 512, "temperature": 0.5, "epochs": 1000}),
        ("moco_v1_imagenet", {"learning_rate": 0.03, "weight_decay": 1e-4}),
        ("moco_v1_imagenet", {"queue_size": 65536, "momentum": 0.999}),
        ("moco_v1_imagenet", {"temperature": 0.07, "projection_layers": 1}),
        ("moco_v1_imagenet", {"augmentation": "moco_v1", "schedule": "steps"}),
        ("moco_v2_imagenet", {"temperature": 0.2, "projection_layers": 2}),
        ("moco_v2_imagenet", {"augmentation": "moco_v2", "schedule": "cosine"}),
        ("moco_v2_cifar10", {"queue_size": 4096, "momentum": 0.99, "batch_size": 512}),
        ("moco_v3_imagenet", {"momentum_schedule": "cosine", "temperature": 1.0}),
        ("pirl_imagenet", {"learning_rate": 0.03, "batch_size": 1024, "epochs": 800}),
        ("pirl_imagenet", {"negatives": 32000, "temperature": 0.07, "weight": 0.5}),
        ("pirl_imagenet", {"transform": "jigsaw", "projection_dim": 128}),
        ("pirl_rotation_imagenet", {"transform": "rotation"}),
        ("nnclr_imagenet", {"queue_size": 98304, "epochs": 1000, "batch_size": 4096}),
        ("supcon_imagenet", {"batch_size": 6144, "temperature": 0.1}),
    ],
)
def test_the_published_settings(name, published):
    found = vars(settings(f"--recipe={name}"))
    found = found | found["arguments"]
    assert {key: found[key] for key in published} == published


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_makes_views_of_its_size(name):
    policy = POLICIES[name](24)
    views = policy(np.zeros([2, 32, 32, 3], "uint8"), seed=[0, 0])
    assert views.shape == (2, 24, 24, 3)
    assert policy.reproducible
    kinds = [type(layer).__name__ for layer in policy.layers]
    assert ("GaussianBlur" in kinds) == (name in ("simclr", "moco_v2"))
