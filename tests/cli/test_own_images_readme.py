import pathlib
import re
import shlex

import pytest

from keras_contrastive.cli import images
from keras_contrastive.cli.main import main
from tests.cli import resolved
from tests.data.picture_files import BAD, classes, written

README = pathlib.Path(__file__).parents[2] / "README.md"


@pytest.fixture(scope="module")
def section():
    return re.search(r"## Your own images\n(.*?)\n## ", README.read_text(), re.S)[1]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    size = {"height": 70, "width": 80}
    files = classes({"daisy": 50, "rose": 50}, **size) | {
        "daisy/x.jpg": BAD["text.jpg"]
    }
    written(folder / "photos", files)
    written(folder / "other_photos", classes({"cat": 30, "dog": 30}))
    return folder


def test_the_commands_work_as_written(section, home, monkeypatch, capsys):
    monkeypatch.chdir(home)
    block = re.search(r"```bash\n(.*?)```", section, re.S)[1]
    commands = block.replace("\\\n", " ").strip().splitlines()
    assert len(commands) == 4
    # The last flag of a name counts: shorter, and else as written.
    short = {"pretrain": ["--epochs=2"], "finetune": ["--epochs=2"]}
    for command in commands:
        images._opened.cache_clear()
        program, name, *flags = shlex.split(command)
        assert program == "keras-contrastive"
        assert main([name, *flags, *short.get(name, ["--draws=2"])]) == 0
    assert "daisy/x.jpg is none of" in capsys.readouterr().out
    assert (home / "runs/photos/finetuned/classifier").is_dir()
    served = re.search(
        r"```python\n(import tensorflow.*?)```", README.read_text(), re.S
    )
    # What reads JPEG reads the PNG of this test as well.
    exec(served[1].replace("*.jpg", "*.png"), {})
    assert re.search(r"photos/daisy/\S* (daisy|rose)\n", capsys.readouterr().out)


def test_the_recipe_is_what_it_says(section, monkeypatch):
    monkeypatch.setitem(resolved.SHAPES, "folder/photos", (None, None, 3))
    folder = ["--image_dir=photos", "--dataset=folder/photos"]
    words = " ".join(section.split())
    for size, net, epochs in (
        (64, "a ResNet-18, 256 images a step and 200 epochs", 200),
        (65, "a ResNet-50 and 100 epochs", 100),
    ):
        found = resolved.settings(*folder, f"--image_size={size}")
        assert net in words
        assert found.encoder == net.split()[1].lower().replace("-", "").strip(",")
        assert (found.batch_size, found.epochs) == (256, epochs)
    # The last three of the command.
    last = re.search(r"--image_size=64 (.*?)\n", section)[1].split()
    assert [flag.split("=")[0] for flag in last] == [
        "--encoder",
        "--batch_size",
        "--epochs",
    ]


def test_the_python_works_as_written(section, home, monkeypatch):
    monkeypatch.chdir(home)
    scope = {}
    exec(re.search(r"```python\n(.*?)```", section, re.S)[1], scope)
    views = next(iter(scope["pairs"]))["views"]
    assert [tuple(x.shape) for x in views] == [(64, 64, 64, 3)] * 2
