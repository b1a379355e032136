"""The settings that flags resolve to, as the command resolves them."""

from absl import flags

from keras_contrastive.cli import options
from keras_contrastive.cli.settings import method_and_dataset, resolve

SHAPES = {
    "contrastive_digits": (8, 8, 1),
    "cifar10": (32, 32, 3),
    "stl10": (96, 96, 3),
    "imagenet2012": (None, None, 3),
}


def settings(*arguments):
    values = flags.FlagValues()
    options.define(values)
    values(["pretrain", *arguments])
    given = {name: values[name].value for name in values}
    given["explicit"] = {name for name in values if values[name].present}
    _, dataset = method_and_dataset(given)
    return resolve(given, SHAPES[dataset])
