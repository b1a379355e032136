"""How often the positive is the closest: never where all is one point."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.losses.cosine import closest
from tests.contracts import zoo


def moco(model, query, key):
    model.queue.enqueue(key[:16] if np.isfinite(key).all() else tf.ones([16, 8]))
    model.contrast([query], [key])


def pirl(model, query, key):
    model.contrast(key, query, key, key, training=False)


CONTRASTS = {
    "MoCo": moco,
    "MoCo v3": lambda model, query, key: model.contrast([query] * 2, [key] * 2),
    "NNCLR": lambda model, query, key: model.contrast([key] * 2, [query] * 2),
    "PIRL": pirl,
    "PIRL on views": lambda model, query, key: model.contrast(
        key, query, None, None, training=False
    ),
    "SimCLR": lambda model, query, key: model.contrast(query, key, {}),
    "SupCon": lambda model, query, key: model.contrast(
        query, key, {"views": (query, key), "label": tf.range(32)}
    ),
}


@pytest.mark.parametrize("angle", [0.0, 1.0])
@pytest.mark.parametrize("name", CONTRASTS)
def test_collapsed_embeddings_pick_nothing(name, angle):
    """One point for all queries, and one, the same or not, for all keys."""
    rng = np.random.default_rng(0)
    model = zoo.MODELS[name]()
    for _ in range(5):
        point, other = rng.normal(size=(2, 1, 8)).astype("float32")
        rows = [np.tile(x, (32, 1)) for x in (point, point + angle * other)]
        CONTRASTS[name](model, *map(tf.constant, rows))
    assert model.accuracy.result().numpy() == 0


@pytest.mark.parametrize("name", CONTRASTS)
def test_what_is_not_a_number_picks_nothing(name):
    model = zoo.MODELS[name]()
    CONTRASTS[name](model, *tf.fill([2, 32, 8], np.float32(np.nan)))
    assert model.accuracy.result().numpy() == 0


def test_the_closest_of_different_candidates():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(200, 4)).astype("float32")
    positive = rng.integers(0, 4, 200).astype("int32")
    ours = closest(logits, positive, 0.1).numpy()
    np.testing.assert_array_equal(ours, logits.argmax(1) == positive)
    assert 0 < ours.mean() < 0.5
    tied = np.array([[0.5, 0.5], [0.5, 0.4], [np.nan, 0], [0, np.nan]], "float32")
    np.testing.assert_array_equal(
        closest(tied, np.zeros(4, "int32"), 0.1), [False, True, False, False]
    )


@pytest.mark.parametrize("name", ["MoCo", "MoCo, symmetric", "MoCo v3", "NNCLR"])
def test_the_loss_that_is_logged_is_the_one_that_is_minimised(name):
    keras.utils.set_random_seed(1)
    model = zoo.MODELS[name]()
    model.compile("sgd")
    minimised = []
    scaled = model.scaled
    model.scaled = lambda loss: scaled(minimised.append(loss) or loss)
    model.run_eagerly = True
    # Two steps: the first of a queue has the positive alone, and the loss 0.
    for batch in zoo.dataset(name).take(2):
        model.loss_mean.reset_state()
        logs = model.train_on_batch(batch, return_dict=True)
        np.testing.assert_allclose(logs["loss"], minimised[-1], rtol=1e-6)
    assert logs["loss"] > 0
