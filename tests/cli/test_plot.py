import shutil

import pytest

from keras_contrastive.cli.main import main


def report(out, *arguments):
    assert main(["plot", *map(str, arguments), f"--out={out}"]) == 0
    return out.read_text()


@pytest.fixture(scope="module")
def of_energy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "energy"
    flags = ["--method=cd", "--dataset=toy/gaussians", "--epochs=2"]
    assert main(["pretrain", *flags, f"--output_dir={folder}"]) == 0
    return folder


def test_a_run_is_shown_on_one_page(finished, data, tmp_path, capsys):
    text = report(tmp_path / "page.html", finished, "--images=200")
    assert f"The page is {tmp_path / 'page.html'}" in capsys.readouterr().out
    for shown in (
        "<td>learning_rate</td>",
        "<td>pretrained encoder</td>",
        "Measures by epoch",
        "Images of the training split, and views",
        "PCA: PC 1",
        "t-SNE: t-SNE 1",
        "An image a class, and those with the nearest features",
        "Classes by the 20 nearest",
        "Energies of pairs over training",
        "Training opens a gap",
        "Alignment of two views against uniformity",
        "Further left is better",
    ):
        assert shown in text, shown
    # A dot an image in each of the two maps.
    assert text.count("<circle") == 2 * 200
    assert "has not come to its end" not in text


def test_runs_are_compared(finished, of_energy, data, tmp_path):
    text = report(tmp_path / "page.html", finished, of_energy, "--images=100")
    table = text[: text.index("<h2>")]
    assert "<th>finished</th><th>energy</th>" in table
    assert "<tr><td>method</td><td>simclr</td><td>cd</td></tr>" in table
    assert "<td>linear, 1 label a class</td>" in table
    assert "<td>None</td>" not in table
    assert "Measures that all have" in table
    assert "Alignment of two views" in text[: text.index("<h2>")]
    assert text.count("<h2>") == 2
    for shown in ("The energy, low where it is dark", "epoch 1", "epoch 2"):
        assert shown in text


def test_a_run_that_was_cut_off_shows_what_is_there(finished, data, tmp_path):
    cut = tmp_path / "cut"
    shutil.copytree(finished, cut)
    for name in ("finished", "evaluation.md", "evaluation.json"):
        (cut / name).unlink()
    shutil.rmtree(cut / "encoder")
    text = report(tmp_path / "page.html", cut)
    assert "has not come to its end" in text
    assert "Measures by epoch" in text
    assert "Energies of pairs over training" in text
    assert "<circle" not in text
    assert main(["plot", str(cut)]) == 0
    assert (cut / "report.html").is_file()


def test_what_is_no_run_is_refused(tmp_path, capsys):
    assert main(["plot"]) == 2
    assert "`RUN` must be the folder of a run" in capsys.readouterr().err
    assert main(["plot", str(tmp_path / "none")]) == 2
    assert "`RUN` must be the folder of a run" in capsys.readouterr().err
    assert main(["plot", "--run=runs/x"]) == 2
    assert "keras-contrastive plot runs/x. Received" in capsys.readouterr().err
    assert main(["evaluate", "runs/x"]) == 2
    assert "Flags must read --name=value" in capsys.readouterr().err
