import dataclasses

import pytest

from keras_contrastive.cli.methods import METHODS
from keras_contrastive.cli.recipes import RECIPES
from keras_contrastive.cli.settings import fitted, remarks
from tests.cli.resolved import settings


@pytest.mark.parametrize("name", RECIPES)
def test_a_named_recipe_is_run_as_it_stands(name):
    found = vars(settings(f"--recipe={name}"))
    recipe = dataclasses.asdict(RECIPES[name])
    arguments, _ = recipe.pop("arguments"), recipe.pop("source")
    assert {key: found[key] for key in recipe} == recipe
    method = METHODS[recipe["method"]]
    assert found["arguments"] == {**method.arguments, **arguments}
    assert found["recipe"] == name


def test_every_field_of_a_recipe_gives_way_to_its_flag():
    given = {
        "dataset": "stl10",
        "encoder": "resnet34",
        "image_size": 96,
        "augmentation": "simclr",
        "optimizer": "adam",
        "learning_rate": 0.5,
        "weight_decay": 0.25,
        "schedule": "steps",
        "epochs": 7,
        "batch_size": 64,
        "temperature": 0.75,
        "queue_size": 128,
        "momentum": 0.5,
        "symmetric": True,
    }
    found = settings(
        "--recipe=moco_v2_cifar10", *(f"--{key}={x}" for key, x in given.items())
    )
    values = vars(found) | found.arguments
    assert {key: values[key] for key in given} == given
    # What no flag gave is the recipe's still.
    assert found.arguments["projection_layers"] == 1


def test_the_recipe_sets_the_method_unless_a_flag_does():
    assert settings("--recipe=nnclr_digits").method == "nnclr"
    other = settings("--recipe=moco_v1_imagenet", "--method=simclr")
    assert other.method == "simclr"
    assert other.arguments == METHODS["simclr"].arguments
    assert other.augmentation == "moco_v1"
    assert "moco" in remarks(other, 10**6)[0]


def test_without_a_name_the_images_decide():
    assert settings().recipe == "simclr_digits"
    assert settings("--dataset=cifar10").recipe == "simclr_cifar10_sgd"
    small = settings("--method=moco", "--dataset=cifar10")
    assert (small.recipe, small.image_size) == ("moco_v2_cifar10", 32)
    middle = settings("--method=moco", "--dataset=stl10")
    assert (middle.recipe, middle.image_size) == ("moco_v2_imagenet", 96)
    large = settings("--method=nnclr", "--dataset=imagenet2012")
    assert (large.recipe, large.image_size) == ("nnclr_imagenet", 224)
    # One device.
    assert (large.batch_size, large.epochs, large.warmup_epochs) == (256, 200, 2)


def test_the_warm_up_keeps_its_share():
    assert settings("--recipe=simclr_imagenet").warmup_epochs == 10
    assert settings("--recipe=simclr_imagenet", "--epochs=5").warmup_epochs == 0.5
    assert settings("--recipe=simclr_imagenet", "--schedule=steps").warmup_epochs == 0


def test_the_default_settings_of_simclr_are_what_they_were():
    found = settings()
    assert (found.encoder, found.image_size, found.augmentation) == (
        "convnet",
        16,
        "digits",
    )
    assert (found.epochs, found.batch_size, found.warmup_epochs) == (100, 256, 5)
    assert (found.optimizer, found.learning_rate) == ("sgd", 0.1)
    assert found.weight_decay == 5e-4
    assert found.arguments["temperature"] == 0.5
    assert found.arguments["projection_dim"] == 64
    assert (found.augment_on, found.checkpoint_every, found.knn_every) == (
        "pipeline",
        None,
        10,
    )


def test_memories_stay_below_half_an_epoch_unless_a_flag_says_so():
    found = settings("--method=moco", "--dataset=stl10")
    smaller = fitted(found, set(), 5000)
    assert smaller.arguments["queue_size"] == 2304
    assert smaller.arguments["queue_size"] % found.batch_size == 0
    assert "2304, not 65536" in remarks(smaller, 5000)[0]
    assert fitted(found, {"queue_size"}, 5000) == found
    assert "own old embedding" in remarks(found, 5000)[0]
    # Enough images, or too few for a single batch beside it.
    assert fitted(found, set(), 10**6) == found
    assert remarks(found, 10**6) == []
    assert fitted(found, set(), 300).arguments["queue_size"] == 256
    bank = settings("--method=pirl", "--dataset=stl10")
    assert fitted(bank, set(), 5000).arguments["negatives"] == 2304
    batch = settings("--method=pirl", "--dataset=stl10", "--negatives=batch")
    assert fitted(batch, {"negatives"}, 5000).arguments["negatives"] == "batch"


def test_labels_are_said_to_be_used():
    assert "labels" in remarks(settings("--method=supcon"), 1000)[0]
    assert "labels" in remarks(settings("--method=siamese", "--pairs=labels"), 1000)[0]
    views = settings("--method=siamese", "--pairs=views")
    assert not views.uses_labels
    assert remarks(views, 1000) == []
