"""Pipelines end at once: what reads a finite dataset turns tf.data's tuning off."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive._untuned import untuned
from keras_contrastive.distribute.step_function import StepFunction
from keras_contrastive.evaluation.batches import clean_batches, examples
from keras_contrastive.evaluation.labelled import training_batches

POINTS = np.random.default_rng(0).integers(0, 2, [8, 6]).astype("float32")


def told(dataset, enabled):
    """Returns a dataset whose owner has said whether it is tuned."""
    options = tf.data.Options()
    options.autotune.enabled = enabled
    return dataset.with_options(options)


def test_a_dataset_is_as_parallel_as_the_machine_and_else_the_same():
    dataset = tf.data.Dataset.range(5)
    options = tf.data.Options()
    options.deterministic = False
    found = untuned(dataset.with_options(options)).map(lambda x: x + 1)
    assert list(found.as_numpy_iterator()) == [1, 2, 3, 4, 5]
    assert found.options().autotune.enabled is False
    assert found.options().autotune.initial_parallelism == os.cpu_count()
    assert found.options().deterministic is False


def test_a_parallelism_that_was_asked_for_stays():
    options = tf.data.Options()
    options.autotune.initial_parallelism = 3
    found = untuned(tf.data.Dataset.range(5).with_options(options))
    assert found.options().autotune.initial_parallelism == 3
    assert found.options().autotune.enabled is False


@pytest.mark.parametrize("enabled", [True, False])
def test_what_its_owner_said_stays(enabled):
    dataset = told(tf.data.Dataset.range(5), enabled)
    assert untuned(dataset) is dataset


@pytest.fixture
def seen(monkeypatch):
    """Whether each dataset that a step read was tuned."""
    tuned, call = [], StepFunction.__call__

    def noted(self, iterator):
        tuned.append(iterator._dataset.options().autotune.enabled)
        return call(self, iterator)

    monkeypatch.setattr(StepFunction, "__call__", noted)
    return tuned


def model():
    energy = kc.energies.RBM(6, 2, seed=0)
    made = kc.models.ContrastiveDivergence(energy, kc.samplers.Gibbs(), seed=0)
    made.compile(keras.optimizers.SGD(0.1))
    return made


@pytest.mark.parametrize("kind", ["array", "dataset"])
def test_fit_and_evaluate_tune_nothing(kind, seen):
    x, options = POINTS, {"batch_size": 4}
    if kind == "dataset":
        x, options = tf.data.Dataset.from_tensor_slices(POINTS).batch(4), {}
    made = model()
    made.fit(x, epochs=2, verbose=0, **options)
    made.evaluate(x, verbose=0, **options)
    assert seen == [False] * 6


def test_replicas_are_handed_what_is_not_tuned():
    """Before tf.distribute gives each its share, and iterators of its own."""
    points = tf.data.Dataset.from_tensor_slices(POINTS).batch(4)
    images = np.random.default_rng(0).uniform(size=[4, 8, 8, 1]).astype("float32")
    views = tf.data.Dataset.from_tensors({"views": (images, images)})
    embedding = kc.models.SimCLR(kc.encoders.create("mlp", (8, 8, 1)), seed=0)
    for made, dataset in ((model(), points), (embedding, views)):
        prepared = made._prepared(dataset, training=True)
        assert prepared.options().autotune.enabled is False


def test_fit_tunes_what_it_is_told_to(seen):
    dataset = tf.data.Dataset.from_tensor_slices(POINTS).batch(4)
    model().fit(told(dataset, True), verbose=0)
    assert seen == [True] * 2


@pytest.mark.parametrize("cache_bytes", [0, 2**20])
def test_batches_and_what_evaluates_tune_nothing(cache_bytes):
    images = {"image": np.zeros([8, 4, 4, 1], np.uint8)}
    dataset = tf.data.Dataset.from_tensor_slices(images)
    labelled = dataset.map(lambda x: {**x, "label": tf.constant(0)})
    for made in (
        kc.data.batches(dataset, 4, cache_bytes=cache_bytes),
        clean_batches(examples(dataset), 4),
        training_batches(examples(labelled), 8, 4, None, None, seed=0),
    ):
        assert made.options().autotune.enabled is False
