import json

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.callbacks import (
    PairRecorder,
    RepresentationMonitor,
    read_pairs,
)
from keras_contrastive.callbacks.pair_recorder import moments
from keras_contrastive.evaluation import extract_features, pair_histogram
from tests.contracts import zoo


def views(count=20):
    rng = np.random.default_rng(3)
    return rng.uniform(0, 1, (2, count, zoo.SIZE, zoo.SIZE, 3)).astype("float32")


def simclr():
    inputs = keras.Input((zoo.SIZE, zoo.SIZE, 3))
    features = keras.layers.Dense(16)(keras.layers.Flatten()(inputs))
    trunk = keras.Model(inputs, features)
    model = kc.models.SimCLR(trunk, None, projection_dim=8, seed=0)
    # Faster than tracing, for so few steps.
    model.compile(keras.optimizers.SGD(0.01), run_eagerly=True)
    return model


def watched(path, every=1, pairs=None, **options):
    pairs = views() if pairs is None else pairs
    monitor = RepresentationMonitor(pairs[0], every, pairs=pairs)
    return [monitor, PairRecorder(monitor, path, **options)]


def fit(model, callbacks, epochs, **options):
    data = zoo.dataset("SimCLR")
    model.fit(data, epochs=epochs, callbacks=callbacks, verbose=0, **options)


def counted(model):
    """By the model as it is, image by image through trunk and head."""
    embedded = [
        model.projection(extract_features(model.encoder, x)[0], training=False)
        for x in views()
    ]
    return pair_histogram(*embedded)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((100, 10, 5), [1, 10, 30, 100]),
        ((20, 2, 5), [1, 2, 4, 10, 20]),
        ((4, 1, 5), [1, 2, 3, 4]),
        ((1, 1, 5), [1]),
        ((7, 10, 2), [1, 7]),
    ],
)
def test_moments_are_close_together_at_the_beginning(arguments, expected):
    assert moments(*arguments) == expected


def test_what_is_kept_is_what_the_head_makes_of_the_views(tmp_path):
    model, path = simclr(), tmp_path / "new" / "pairs.json"
    before = counted(model)
    weights = model.get_weights()
    fit(model, watched(path), 2)
    found = read_pairs(path)
    assert list(found) == [0, 1, 2]
    after = counted(model)
    for ours, theirs in ((found[0], before), (found[2], after)):
        assert ours.positive_mean == pytest.approx(theirs.positive_mean, abs=1e-5)
        assert ours.negative_mean == pytest.approx(theirs.negative_mean, abs=1e-5)
        # Rounding may move a pair or two to the next bin.
        assert np.abs(ours.negatives - theirs.negatives).sum() <= 8
        assert (ours.positives.sum(), ours.negatives.sum()) == (20, 20 * 19)
    assert abs(before.negative_mean - after.negative_mean) > 1e-3
    kc.plots.plot_pair_similarities(found)
    # Watching leaves no mark.
    plain = simclr()
    plain.set_weights(weights)
    fit(plain, [], 2)
    for one, two in zip(plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_head_may_be_another(tmp_path):
    model, path = simclr(), tmp_path / "pairs.json"
    features = [extract_features(model.encoder, x)[0] for x in views()]
    fit(model, watched(path, head=keras.layers.Identity()), 1)
    expected = pair_histogram(*features)
    assert read_pairs(path)[0].negative_mean == pytest.approx(
        expected.negative_mean, abs=1e-5
    )


class Killed(Exception):
    pass


class Killer(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Killed


def test_a_run_that_goes_on_ends_with_the_same_record(tmp_path):
    whole, cut = tmp_path / "whole.json", tmp_path / "cut.json"
    model, other = simclr(), simclr()
    other.set_weights(model.get_weights())
    fit(model, watched(whole, 2), 5)
    assert list(read_pairs(whole)) == [0, 1, 2, 4, 5]

    backup = kc.callbacks.Backup(tmp_path / "backup", 2)
    with pytest.raises(Killed):
        # After the record of the fifth epoch, before its backup.
        fit(other, [*watched(cut, 2), Killer(4), backup], 5)
    assert whole.read_bytes() == cut.read_bytes()
    again = kc.callbacks.Backup(tmp_path / "backup").load()
    steps = model.steps_taken // 5
    assert again.steps_taken == 4 * steps
    # What the record holds of the time after the backup is forgotten.
    stored = json.loads(cut.read_text())
    stored["moments"][-1]["positive_mean"] = 5.0
    cut.write_text(json.dumps(stored))
    fit(again, watched(cut, 2), 5, initial_epoch=4)
    assert list(read_pairs(cut)) == [0, 1, 2, 4, 5]
    assert read_pairs(cut)[5].positive_mean <= 1
    # Another run does not go on with it.
    fit(simclr(), watched(cut), 1)
    assert list(read_pairs(cut)) == [0, 1]


def test_an_epoch_that_goes_on_is_measured_when_it_would_have_been():
    monitor = RepresentationMonitor(views()[0], 3, measure_first=False)
    history = keras.callbacks.History()
    model = simclr()
    fit(model, [monitor, history], 7, initial_epoch=3)
    measured = [x == x for x in history.history["uniformity"]]
    assert measured == [False, False, True, True]


def test_what_is_not_finite_is_left_out(tmp_path):
    model, path = simclr(), tmp_path / "pairs.json"

    class Breaker(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                kernel = self.model.projection.weights[0]
                kernel.assign(np.full(kernel.shape, np.nan))

    monitor, recorder = watched(path)
    fit(model, [Breaker(), monitor, recorder], 1)
    assert list(read_pairs(path)) == [0]


def test_a_monitor_without_views_is_refused(tmp_path):
    monitor = RepresentationMonitor(views()[0])
    with pytest.raises(ValueError, match="`monitor` must have views"):
        PairRecorder(monitor, tmp_path / "pairs.json")
    with pytest.raises(ValueError, match="`moments` must be at least 2"):
        watched(tmp_path / "pairs.json", moments=1)
