import csv
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.callbacks import KNNMonitor
from keras_contrastive.evaluation import extract_features, knn_accuracy


class Classifier(keras.Model):
    """Any model with an `encoder`; dropout and batch norm tell the modes apart."""

    def __init__(self):
        super().__init__()
        images = keras.Input((6, 6, 1))
        x = keras.layers.Conv2D(8, 3, activation="elu")(images)
        x = keras.layers.BatchNormalization(momentum=0.5)(x)
        x = keras.layers.Dropout(0.3, seed=1)(x)
        self.encoder = keras.Model(images, keras.layers.GlobalAveragePooling2D()(x))
        self.head = keras.layers.Dense(3)

    def call(self, images, training=None):
        return self.head(self.encoder(images, training=training))


def classes(count, seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 3)
    images = rng.uniform(0, 0.5, (count, 6, 6, 1))
    images[:, 0, 0, 0] += 0.2 * labels
    return images.astype("float32"), labels


def model():
    made = Classifier()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile(keras.optimizers.SGD(0.1), loss, jit_compile=False)
    made(np.zeros((1, 6, 6, 1)))
    return made


def fit(made, *callbacks, **arguments):
    images, labels = classes(48, 0)
    arguments = {"epochs": 3, "batch_size": 16, "shuffle": False, **arguments}
    return made.fit(images, labels, verbose=0, callbacks=callbacks, **arguments).history


def test_the_number_is_that_of_the_trunk_in_inference_mode():
    made, bank, queries = model(), classes(60, 1), classes(40, 2)
    history = fit(made, KNNMonitor(bank, queries, k=7, temperature=0.05))
    z, labels = extract_features(made.encoder, bank)
    q, expected = extract_features(made.encoder, queries)
    accuracy = knn_accuracy(z, labels, q, expected, k=7, temperature=0.05)
    assert len(history["knn_accuracy"]) == 3
    assert history["knn_accuracy"][-1] == accuracy
    assert 0 < accuracy < 1


def test_training_is_the_same_with_and_without():
    plain, watched = model(), model()
    watched.set_weights(plain.get_weights())
    fit(plain)
    fit(watched, KNNMonitor(classes(60, 1), classes(40, 2)))
    for one, two in zip(plain.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_measuring_changes_no_weight_and_no_statistic():
    made = model()
    monitor = KNNMonitor(classes(60, 1), classes(40, 2), encoder=made.encoder)
    monitor.set_model(made)
    monitor.set_params({"epochs": 1})
    monitor.on_train_begin()
    before = [np.copy(w) for w in made.get_weights()]
    logs = {"loss": 1.0}
    monitor.on_epoch_end(0, logs)
    assert logs["loss"] == 1.0
    assert 0 <= logs["knn_accuracy"] <= 1
    for old, new in zip(before, made.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_epochs_between_are_nan_for_history_and_csv(tmp_path):
    monitor = KNNMonitor(classes(60, 1), classes(40, 2), every=3, name="knn")
    logger = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    history = fit(model(), monitor, logger, epochs=8)
    measured = [not math.isnan(x) for x in history["knn"]]
    # The first epoch, each third and the last.
    assert measured == [True, False, True, False, False, True, False, True]
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["knn"]) for row in rows] == pytest.approx(
        history["knn"], nan_ok=True
    )


def test_a_resumed_fit_begins_with_a_number():
    monitor = KNNMonitor(classes(60, 1), classes(40, 2), every=4)
    made = model()
    fit(made, monitor, epochs=1)
    history = fit(made, monitor, initial_epoch=1, epochs=3)
    assert [math.isnan(x) for x in history["knn_accuracy"]] == [False, False]
    history = fit(made, monitor, initial_epoch=1, epochs=5)
    assert [math.isnan(x) for x in history["knn_accuracy"]] == [0, 1, 0, 0]


def test_early_stopping_and_checkpoints_follow_it(tmp_path, monkeypatch):
    accuracies = iter([0.5, 0.7, 0.6, 0.6, 0.9])
    monkeypatch.setattr(
        "keras_contrastive.callbacks.knn_monitor.knn_accuracy",
        lambda *arguments: next(accuracies),
    )
    monitor = KNNMonitor(classes(60, 1), classes(40, 2), every=2)
    stop = keras.callbacks.EarlyStopping("knn_accuracy", patience=5, mode="max")
    path = str(tmp_path / "best-{epoch}.weights.h5")
    best = keras.callbacks.ModelCheckpoint(
        path, "knn_accuracy", save_best_only=True, save_weights_only=True, mode="max"
    )
    history = fit(model(), monitor, stop, best, epochs=20)
    # Epochs 1, 2, 4, 6: best at 2, and five epochs of patience after it.
    assert len(history["knn_accuracy"]) == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best-1.weights.h5",
        "best-2.weights.h5",
    ]


def test_datasets_and_an_explicit_encoder():
    bank, queries = classes(60, 1), classes(40, 2)
    made = model()

    def dataset(images, labels):
        columns = {"image": (255 * images).astype(np.uint8), "label": labels}
        return tf.data.Dataset.from_tensor_slices(columns)

    single = KNNMonitor(dataset(*bank), dataset(*queries), batch_size=7, name="a")
    batches = KNNMonitor(dataset(*bank).batch(9), dataset(*queries).batch(9), name="b")
    pixels = KNNMonitor(bank, queries, encoder=keras.layers.Flatten(), name="c")
    history = fit(made, single, batches, pixels, epochs=2)
    assert history["a"] == history["b"]
    assert history["c"][0] == history["c"][1]


def test_a_diverged_model_is_worth_nan():
    made = model()
    made.encoder.layers[1].kernel.assign(np.full((3, 3, 1, 8), np.nan))
    history = fit(made, KNNMonitor(classes(60, 1), classes(40, 2)), epochs=1)
    assert math.isnan(history["knn_accuracy"][0])


def test_under_two_replicas(two_devices):
    with two_devices.scope():
        made = model()
    bank, queries = classes(60, 1), classes(40, 2)
    history = fit(made, KNNMonitor(bank, queries, k=7))
    z, labels = extract_features(made.encoder, bank)
    q, expected = extract_features(made.encoder, queries)
    assert history["knn_accuracy"][-1] == knn_accuracy(z, labels, q, expected, k=7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every": 0}, "`every` must be at least 1"),
        ({"k": 0}, "`k` must be at least 1"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"temperature": 0.0}, "`temperature` must be above 0"),
        ({"train": classes(9, 0)[0]}, "`train` must have labels"),
        ({"test": classes(9, 0)[0]}, "`test` must have labels"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        KNNMonitor(**{"train": classes(9, 0), "test": classes(9, 1), **arguments})


def test_a_model_without_an_encoder_is_refused():
    plain = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten()])
    plain.add(keras.layers.Dense(3))
    plain.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match="model with an `encoder`"):
        fit(plain, KNNMonitor(classes(9, 0), classes(9, 1)))
