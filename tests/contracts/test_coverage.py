"""No model goes untested: what the contracts run over is all that there is."""

import pytest

import keras_contrastive as kc
from tests.contracts import energy_zoo, zoo

ABSTRACT = {"ContrastiveModel", "EmbeddingModel", "EnergyModel"}
# What is no model of its own trains several, and has tests of its own.
FUNCTIONS = {"StackedDAE", "fine_tune_stack", "pretrain_stack", "stacked_dae"}
MAKERS = {**zoo.MODELS, **energy_zoo.MODELS}


def missing(names, makers):
    """Public models of which no maker makes one."""
    made = {type(make()).__name__ for make in makers}
    return sorted(set(names) - ABSTRACT - FUNCTIONS - made)


def test_every_model_is_in_the_zoo_and_so_has_a_learning_test():
    assert missing(kc.models.__all__, MAKERS.values()) == []


def test_a_model_without_an_entry_is_found():
    others = [make for name, make in MAKERS.items() if "SimCLR" not in name]
    assert missing(kc.models.__all__, others) == ["SimCLR"]
    assert missing([*kc.models.__all__, "New"], MAKERS.values()) == ["New"]


@pytest.mark.parametrize("name", sorted(ABSTRACT))
def test_what_is_abstract_is_there_and_has_no_step(name):
    model = getattr(kc.models, name)
    assert "train_step" not in vars(model) or name == "EnergyModel"
    concrete = [
        getattr(kc.models, x) for x in set(kc.models.__all__) - ABSTRACT - FUNCTIONS
    ]
    assert any(issubclass(x, model) for x in concrete)
