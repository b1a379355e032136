import json

import numpy as np
import pytest

from keras_contrastive.cli import label_budgets
from keras_contrastive.cli.main import main


def test_a_share_is_as_many_labels_of_each_class():
    assert label_budgets.make(None, 1000, 10).per_class is None
    assert label_budgets.make(7, 1000, 10).per_class == 7
    one = label_budgets.make(0.01, 50_000, 10)
    assert (one.name, one.per_class) == ("1%", 50)
    assert label_budgets.make(0.1, 1_281_167, 1000).per_class == 128
    assert label_budgets.make(0.001, 1000, 10).per_class == 1
    whole = label_budgets.make(1.0, 1000, 10)
    assert (whole.name, whole.per_class) == ("100%", None)


def test_more_labels_than_a_class_has_stop_before_the_training(
    finished, data, tmp_path, capsys
):
    arguments = ["finetune", f"--run={finished}", f"--output_dir={tmp_path / 'out'}"]
    for flag, received in (
        ("--labels_per_class=1,1000", "1000, which is 1000 a class"),
        ("--label_share=0.01,0.999", "99.9%, which is"),
    ):
        assert main([*arguments, flag]) == 2
        printed = capsys.readouterr()
        assert f"{flag.split('=')[0]} must leave each class" in printed.err
        assert f"Received: {received}" in printed.err
        assert "draw" not in printed.out
    assert not (tmp_path / "out").exists()


def test_the_table_has_mean_and_spread():
    few = label_budgets.LabelBudget("1%", 5, [0.5, 0.6, 0.7])
    whole = label_budgets.LabelBudget("100%", None, [0.9])
    lines = label_budgets.table([few, whole]).splitlines()
    assert lines[1].split() == ["1%", "5", "3", "60.0", "±", "10.0"]
    assert lines[2].split() == ["100%", "all", "1", "90.0"]


def test_finetune_draws_at_each_budget_and_keeps_the_first_of_the_largest(
    finished, data, tmp_path, capsys
):
    out = tmp_path / "tuned"
    arguments = ["finetune", f"--run={finished}", f"--output_dir={out}"]
    arguments += ["--epochs=3", "--label_share=0.1,0.02", "--draws=2"]
    assert main(arguments) == 0
    result = json.loads((out / "result.json").read_text())
    more, few = result["budgets"]
    assert more["labels"] == "10%"
    assert few["labels"] == "2%"
    assert few["labels_per_class"] == round(more["labels_per_class"] / 5)
    for one in (more, few):
        assert len(set(one["accuracies"])) == 2  # other labels, another classifier
        assert one["mean"] == pytest.approx(np.mean(one["accuracies"]))
        assert one["std"] == pytest.approx(np.std(one["accuracies"], ddof=1))
    # Each begins with the exported encoder, not with the last draw's.
    assert more["mean"] > few["mean"]
    assert result["labels_per_class"] == more["labels_per_class"]
    assert result["accuracy"] == more["accuracies"][0]
    printed = capsys.readouterr().out
    assert "±" in printed
    assert "Labels: 2%, draw 2 of 2" in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--label_share=0"], ["--label_share must", "'0'"]),
        (["--label_share=0.1,most"], ["--label_share must", "'most'"]),
        (["--label_share=1", "--labels_per_class=2"], ["--label_share cannot", "1"]),
        (["--labels_per_class=few"], ["--labels_per_class must", "'few'"]),
        (["--draws=0"], ["--draws=0"]),
    ],
)
def test_bad_flags_are_named(arguments, words, capsys):
    assert main(["finetune", "--run=x", *arguments]) == 2
    err = capsys.readouterr().err
    for word in words:
        assert word in err
