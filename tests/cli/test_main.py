import pytest

from keras_contrastive.cli.main import main
from keras_contrastive.cli.methods import METHODS
from keras_contrastive.cli.recipes import RECIPES


def test_help_lists_the_commands(capsys):
    for arguments in ([], ["--help"]):
        assert main(arguments) == 0
        out = capsys.readouterr().out
        for word in ("pretrain", "evaluate", "finetune"):
            assert word in out


@pytest.mark.parametrize("command", ["pretrain", "evaluate", "finetune"])
def test_help_of_a_command_names_flags_choices_and_defaults(command, capsys):
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"keras-contrastive {command}" in out
    assert max(map(len, out.splitlines())) <= 100
    if command == "pretrain":
        assert "--optimizer=sgd|lars|adam" in out
        assert "--dataset=DATASET [contrastive_digits]" in out
        assert "--queue_size=SIZE" in out
        assert "[moco 65536, nnclr 98304]" in " ".join(out.split())
        for name, recipe in RECIPES.items():
            assert f"  {name} " in out
            assert recipe.line() in out
        for name, method in METHODS.items():
            assert method.summary in out
            assert f"  {name} " in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pretrian"], ["pretrain", "'pretrian'"]),
        (["pretrain", "--method=byol"], ["--method=byol", "simclr"]),
        (["pretrain", "--method=simclrr"], ["close to it: simclr"]),
        (["pretrain", "--recipe=moco_v2_cifar"], ["close to it: moco_v2_cifar10"]),
        (["pretrain", "--encoder=resnet19"], ["close to it: resnet18"]),
        (
            ["evaluate", "--encoder_dir=convnet_simcl_cifar10", "--dataset=mnist"],
            ["--encoder_dir", "close to it: convnet_simclr_cifar10"],
        ),
        (["pretrain", "--epochs=0"], ["--epochs=0", "positive"]),
        (["pretrain", "--epochs=many"], ["--epochs=many", "many"]),
        (["pretrain", "--epoch=3"], ["epoch", "epochs"]),
        (["pretrain", "now"], ["Received: now"]),
        (["pretrain", "--temperature=0"], ["--temperature", "Received: 0"]),
        (["pretrain", "--dataset=cifar11"], ["cifar10", "'cifar11'"]),
        (
            ["pretrain", "--dataset=mnist", "--data_dir=/nowhere"],
            ["--data_dir", "/nowhere"],
        ),
        (["pretrain", "--epochs=2", "--warmup_epochs=2"], ["--warmup_epochs"]),
        (["pretrain", "--resume"], ["--output_dir", "Received: None"]),
        (["evaluate"], ["--run", "Received"]),
        (["evaluate", "--run=/nowhere"], ["--run", "/nowhere"]),
        (["evaluate", "--run=x", "--labels_per_class=few"], ["--labels", "'few'"]),
        (["finetune"], ["--output_dir", "--run", "Received: None"]),
        (
            ["finetune", "--encoder_dir=x", "--output_dir=y"],
            ["--dataset", "Received: None"],
        ),
    ],
)
def test_errors_name_the_flag_the_value_and_the_choices(arguments, words, capsys, data):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    for word in words:
        assert word in err
    assert "Traceback" not in err
