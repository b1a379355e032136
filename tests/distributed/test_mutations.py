"""What breaks the equality of replicas is noticed by the test of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.distribute import all_gather, gather
from keras_contrastive.encoders import batch_norm
from keras_contrastive.models import base, moco, pirl
from tests.contracts import zoo


def local(x):
    """A gather without the others' rows, of the right size."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return tf.concat([x] * replicas, axis=0)


def without_gradient(x):
    """A gather through which the others' gradients do not come back."""
    return tf.stop_gradient(all_gather(x))


def unscaled(self, loss):
    return self.optimizer.scale_loss(loss)


MUTATIONS = {
    "negatives of this replica alone": ("SimCLR", gather, "all_gather", local),
    "a gather without gradient": ("SimCLR", gather, "all_gather", without_gradient),
    "a gradient that is R times too large": (
        "SimCLR",
        base.ContrastiveModel,
        "share",
        unscaled,
    ),
    "a queue of one replica's keys": ("MoCo", moco, "all_gather", local),
    "a bank of one replica's features": ("PIRL on views", pirl, "all_gather", local),
}


def end(name, strategy):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        model = zoo.MODELS[name]()
        model.compile(keras.optimizers.SGD(0.003, momentum=0.9))
    model.fit(zoo.dataset(name).take(3), verbose=0)
    return [v.numpy() for v in (*model.optimizer.variables, *model.variables)]


def furthest(first, second):
    return max(
        np.abs(a - b).max() for a, b in zip(first, second, strict=True) if a.size
    )


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_broken_replica_differs_from_one_device(mutation, two_devices, monkeypatch):
    name, owner, attribute, broken = MUTATIONS[mutation]
    alone = end(name, tf.distribute.get_strategy())
    assert furthest(alone, end(name, two_devices)) < 1e-5
    monkeypatch.setattr(owner, attribute, broken)
    assert furthest(alone, end(name, two_devices)) > 1e-4


@pytest.mark.slow
def test_statistics_of_one_replica_differ_from_one_device(two_devices, monkeypatch):
    alone = end("SimCLR", tf.distribute.get_strategy())
    monkeypatch.setattr(
        batch_norm.BatchNormalization,
        "_over_replicas",
        lambda self, inputs, context: self._fused(inputs),
    )
    assert furthest(alone, end("SimCLR", two_devices)) > 1e-4
