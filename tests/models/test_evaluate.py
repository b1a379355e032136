"""Evaluation reports each number once, and asks for no more than it reads."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.contracts import zoo


def make(name):
    keras.utils.set_random_seed(1)
    model = zoo.MODELS[name]()
    model.compile(keras.optimizers.SGD(0.01))
    return model


def test_a_list_has_each_metric_once():
    model = make("SimCLR")
    data = zoo.dataset("SimCLR").take(1)
    values = model.evaluate(data, verbose=0)
    assert model.metrics_names == ["loss", "contrastive_accuracy", "embedding_std"]
    named = model.evaluate(data, verbose=0, return_dict=True)
    assert values == [named[name] for name in model.metrics_names]
    assert values[0] > 0


@pytest.mark.parametrize("name", ["MoCo", "NNCLR", "PIRL on views", "PIRL"])
def test_what_only_training_needs_is_not_asked_of_evaluation(name):
    """A batch larger than the queue, or the set, and of no equal groups; no ids."""
    model = make(name)
    data = zoo.dataset(name)
    other = zoo.dataset(name, batch_size=65, count=65)
    other = other.map(lambda x: {k: v for k, v in x.items() if k != "id"})
    history = model.fit(data, validation_data=other, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()
    assert np.isfinite(model.evaluate(other, verbose=0)).all()
    if name != "PIRL on views":
        with pytest.raises(ValueError, match=r"`x` must .*Received: "):
            model.fit(other, verbose=0)


def test_what_both_need_is_asked_of_evaluation():
    model = make("SimCLR")
    with pytest.raises(ValueError, match=r"`x` must .*Received: "):
        model.evaluate(tf.data.Dataset.from_tensors(zoo.images(4)), verbose=0)
