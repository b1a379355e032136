import json
import re
import shutil

import keras
import numpy as np
import pytest

from keras_contrastive.cli import images
from keras_contrastive.cli.main import main
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.settings import method_and_dataset
from tests.cli import resolved
from tests.data.picture_files import BAD, ODD, encoded, picture, written


def sorts(count, **size):
    """Two classes of pictures."""
    return {
        f"{name}/{i:03}.png": encoded(picture([turn, i], **size), "PNG")
        for turn, name in enumerate(("dawn", "dusk"))
        for i in range(count)
    }


@pytest.fixture(autouse=True)
def fresh():
    """Each test is a program of its own, which remembers no folder."""
    images._opened.cache_clear()


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """Classes of pictures of several sizes, and some that are bad or odd."""
    folder = tmp_path_factory.mktemp("my album")
    files = sorts(40) | {f"dawn/{k}": v for k, v in (BAD | ODD).items()}
    return written(folder, files | {"dusk/tall.png": encoded(picture(1, 40), "PNG")})


SMALL = [
    "--image_size=8",
    "--encoder=convnet",
    "--batch_size=16",
    "--epochs=2",
    "--projection_dim=8",
]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory, album):
    """A run on the album; tests must not write to it."""
    images._opened.cache_clear()
    folder = tmp_path_factory.mktemp("runs") / "album"
    arguments = [f"--image_dir={album}", f"--output_dir={folder}", *SMALL]
    assert main(["pretrain", *arguments]) == 0
    return folder


def test_a_folder_goes_all_the_way(album, learnt, tmp_path, capsys, monkeypatch):
    config = json.loads((learnt / "config.json").read_text())["settings"]
    assert config["image_dir"] == str(album)
    assert config["dataset"].startswith("folder/my-album")
    assert config["recipe"].startswith("simclr_cifar10")
    for name in ("embedding.png", "evaluation.md", "views.png", "encoder"):
        assert (learnt / name).exists()
    named = (learnt / "image_files.txt").read_text()
    assert all(f"dawn/{name} " in named for name in BAD | ODD)
    assert np.isfinite(RunFolder(learnt).read_history()["knn_accuracy"]).any()

    run = shutil.copytree(learnt, tmp_path / "run")
    few = ["--labels_per_class=2", "--epochs=2"]
    assert main(["finetune", f"--run={run}", *few]) == 0
    result = json.loads((run / "finetuned" / "result.json").read_text())
    assert result["class_names"] == ["dawn", "dusk"]

    images._opened.cache_clear()
    capsys.readouterr()
    table = ["--labels_per_class=1,all", "--draws=2"]
    assert main(["evaluate", f"--run={run}", *table]) == 0
    of_run = capsys.readouterr().out.partition(str(album) + ": ")[2]
    images._opened.cache_clear()
    monkeypatch.chdir(album.parent)
    named = [f"--encoder_dir={run / 'encoder'}", f"--image_dir={album.name}"]
    assert main(["evaluate", *named, *table]) == 0
    assert capsys.readouterr().out.partition(str(album) + ": ")[2] == of_run
    assert "raw pixels" in of_run


def numbers(table):
    """Rows of numbers by name, of a table in Markdown or in plain text."""
    rows = {}
    for line in table.splitlines():
        name, *cells = re.split(r"\s*\|\s*|\s{2,}", line.strip("| "))
        if cells and name.endswith(("raw pixels", "encoder")):
            rows[name.removeprefix("pretrained ")] = cells
    rows.pop("untrained encoder", None)
    return rows


def test_evaluate_measures_what_pretraining_did(album, learnt, capsys):
    assert main(["evaluate", f"--run={learnt}"]) == 0
    closing = numbers((learnt / "evaluation.md").read_text())
    assert set(closing) == {"raw pixels", "encoder"}
    assert numbers(capsys.readouterr().out) == closing


def test_a_run_on_a_folder_is_shown(album, learnt, tmp_path):
    out = tmp_path / "page.html"
    assert main(["plot", str(learnt), f"--out={out}"]) == 0
    assert "Hover over a point" in out.read_text()


def using(command, run, tmp_path, *flags):
    """Runs a command on a run, as short as it can be; returns its status."""
    images._opened.cache_clear()
    name = [str(run)] if command == "plot" else [f"--run={run}"]
    short = {
        "plot": [f"--out={tmp_path / 'page.html'}"],
        "evaluate": ["--labels_per_class=1", "--draws=1"],
        "finetune": ["--epochs=1", f"--output_dir={tmp_path / 'tuned'}"],
    }
    return main([command, *name, *short[command], *flags])


@pytest.mark.parametrize("command", ["evaluate", "finetune", "plot"])
def test_files_that_the_run_lists_are_counted(command, album, learnt, tmp_path, capsys):
    assert using(command, learnt, tmp_path) == 0
    out = capsys.readouterr().out
    listed = f"Bad or odd files: {len(BAD | ODD)}, as {learnt / 'image_files.txt'} "
    assert listed in out
    assert not any(f"{name} " in out for name in BAD | ODD)


def test_files_that_the_run_does_not_list_are_named_once(
    album, learnt, tmp_path, capsys
):
    more = shutil.copytree(album, tmp_path / "album")
    (more / "dawn" / "new.png").write_bytes(b"")
    assert using("evaluate", learnt, tmp_path, f"--image_dir={more}") == 0
    out = capsys.readouterr().out
    for name in [*BAD, *ODD, "new.png"]:
        assert out.count(f"dawn/{name} ") == 1, name


@pytest.mark.parametrize("command", ["evaluate", "finetune", "plot"])
def test_a_folder_that_has_moved_is_asked_for(command, album, learnt, tmp_path, capsys):
    there = shutil.copytree(album, tmp_path / "elsewhere")
    run = shutil.copytree(learnt, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["settings"]["image_dir"] = str(tmp_path / "gone")
    (run / "config.json").write_text(json.dumps(config))
    assert using(command, run, tmp_path) == 2
    err = capsys.readouterr().err
    assert "--image_dir must say, as --image_dir=NEW, where the images are" in err
    assert f"{tmp_path / 'gone'}, which the run in {run} remembers" in err
    assert using(command, run, tmp_path, f"--image_dir={there}") == 0
    out = capsys.readouterr().out
    # The same images, whatever they are called.
    assert "Bad or odd files: " in out
    assert "Transfer" not in out
    assert "changed" not in out


@pytest.mark.parametrize("command", ["evaluate", "plot"])
def test_images_that_came_since_are_said(command, album, learnt, tmp_path, capsys):
    there = shutil.copytree(album, tmp_path / "album")
    run = shutil.copytree(learnt, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["settings"]["image_dir"] = str(there)
    (run / "config.json").write_text(json.dumps(config))
    assert using(command, run, tmp_path) == 0
    assert "has changed" not in capsys.readouterr().out
    written(there, {"dawn/new.png": (album / "dawn" / "000.png").read_bytes()})
    assert using(command, run, tmp_path) == 0
    assert f"{there} has changed since the run" in capsys.readouterr().out


def test_a_folder_is_no_word_on_a_dataset(finished, data, tmp_path, capsys):
    assert using("plot", finished, tmp_path, f"--image_dir={tmp_path}") == 2
    assert "--image_dir must stand beside a run on a folder" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["pretrain", "evaluate", "finetune"])
def test_bad_files_are_refused_by_name(command, album, learnt, capsys, tmp_path):
    where = [] if command == "pretrain" else [f"--run={learnt}"]
    where += [f"--image_dir={album}", f"--output_dir={tmp_path / 'x'}"]
    if command == "evaluate":
        del where[-1]
    assert main([command, *where, "--bad_files=refuse"]) == 2
    err = capsys.readouterr().err
    assert "--image_dir must hold no bad files" in err
    assert all(name in err for name in BAD)
    assert not (tmp_path / "x").exists()


def test_odd_files_are_skipped(album, learnt, capsys):
    arguments = [f"--run={learnt}", "--odd_files=skip", "--labels_per_class=all"]
    assert main(["evaluate", *arguments]) == 0
    assert f"Left out, since it is odd ({len(ODD)})" in capsys.readouterr().out


def test_without_labels_all_is_trained_on_and_measures_are_left_out(tmp_path, capsys):
    folder = written(tmp_path / "photos", sorts(24))
    out = tmp_path / "run"
    arguments = [f"--image_dir={folder}", f"--output_dir={out}", *SMALL]
    assert main(["pretrain", *arguments, "--noimage_labels"]) == 0
    said = capsys.readouterr().out
    assert "no labels" in said
    assert "48 images" in said
    assert "What the features are worth" not in said
    assert "--image_dir=LABELLED_FOLDER" in said
    assert "knn_accuracy" not in RunFolder(out).read_history()
    assert main(["plot", str(out)]) == 0
    assert not (out / "embedding.png").exists()
    assert main(["finetune", f"--run={out}"]) == 2
    err = capsys.readouterr().err
    assert "--image_dir must have a subfolder for each class" in err
    assert "--image_dir=LABELLED_FOLDER" in err


def test_what_learns_from_labels_needs_subfolders(tmp_path, capsys):
    files = {f"{i}.png": x for i, x in enumerate(sorts(9).values())}
    folder = written(tmp_path / "photos", files)
    arguments = [f"--image_dir={folder}", "--method=supcon", *SMALL]
    assert main(["pretrain", *arguments, f"--output_dir={tmp_path / 'x'}"]) == 2
    assert "--image_dir must have class labels" in capsys.readouterr().err


def test_a_run_goes_on_with_the_images_that_it_began_with(
    album, learnt, tmp_path, capsys
):
    changed = shutil.copytree(album, tmp_path / "album")
    run = shutil.copytree(learnt, tmp_path / "run")
    (run / "finished").unlink()
    config = json.loads((run / "config.json").read_text())
    config["settings"]["image_dir"] = str(changed)
    (run / "config.json").write_text(json.dumps(config))
    (changed / "dawn" / "000.png").unlink()
    assert main(["pretrain", "--resume", f"--output_dir={run}"]) == 2
    err = capsys.readouterr().err
    assert "--image_dir must hold the images that the run began with" in err
    images._opened.cache_clear()
    written(changed, {"dawn/000.png": (album / "dawn" / "000.png").read_bytes()})
    resume = ["pretrain", "--resume", f"--output_dir={run}", "--evaluate_images=0"]
    assert main(resume) == 0
    ours, theirs = (
        keras.saving.load_model(x / "checkpoint.keras") for x in (run, learnt)
    )
    for a, b in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_small_class_does_not_end_in_an_error(tmp_path):
    files = sorts(30)
    scarce = {k: v for k, v in files.items() if k < "dawn/004" or k > "dusk"}
    folder = written(tmp_path / "set", scarce)
    arguments = [f"--image_dir={folder}", f"--output_dir={tmp_path / 'run'}", *SMALL]
    assert main(["pretrain", *arguments]) == 0
    table = (tmp_path / "run" / "evaluation.md").read_text()
    assert "1/class" in table
    assert "5/class" not in table


def test_an_energy_of_images_of_ones_own(tmp_path, capsys):
    grey = {
        f"{i}.png": encoded(picture(i, 4, 4).convert("L"), "PNG") for i in range(40)
    }
    folder = written(tmp_path / "grey", grey)
    arguments = [f"--image_dir={folder}", "--method=pcd", "--epochs=2"]
    small = ["--hidden_units=4", "--batch_size=8", f"--output_dir={tmp_path / 'run'}"]
    assert main(["pretrain", *arguments, *small]) == 0
    assert "(16,) bits of folder/grey" in capsys.readouterr().out
    images._opened.cache_clear()
    written(folder, {"large.png": encoded(picture(1, 5, 4).convert("L"), "PNG")})
    assert main(["pretrain", *arguments]) == 2
    assert "--image_dir must have images of one size" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--image_dir=.", "--dataset=mnist"], "--image_dir must stand in place"),
        (["--image_dir=.", "--download"], "--image_dir must stand in place"),
        (["--bad_files=refuse"], "--bad_files must stand beside --image_dir"),
        (["--noimage_labels"], "--image_labels must stand beside --image_dir"),
        (["--image_dir=absent"], "--image_dir must be an existing folder"),
        (["--image_dir=."], "--image_dir must hold an image that can be used"),
    ],
)
def test_flags_that_do_not_go_together(arguments, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["pretrain", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_size_of_the_views_chooses_the_recipe_for_a_folder():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(resolved.SHAPES, "folder/x", (None, None, 3))
        folder = ["--image_dir=x", "--dataset=folder/x"]
        assert resolved.settings(*folder).encoder == "resnet50"
        small = resolved.settings(*folder, "--image_size=48")
    assert (small.recipe, small.image_size) == ("simclr_cifar10_sgd", 48)


def test_a_recipe_does_not_bring_its_dataset():
    given = {"image_dir": "some photos", "recipe": "moco_v2_cifar10"}
    given |= {"method": "simclr", "dataset": "contrastive_digits", "explicit": set()}
    full = images.given_in_full(given)
    assert method_and_dataset(full) == ("moco", "folder/some-photos")
