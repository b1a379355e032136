"""What every model of the zoo keeps."""

import functools
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.contracts import zoo


def make(name, learning_rate=0.05, **compiled):
    keras.utils.set_random_seed(1)
    model = zoo.MODELS[name]()
    model.compile(keras.optimizers.SGD(learning_rate, momentum=0.9), **compiled)
    return model


def state(model):
    """Everything that a step may change, by path: numbered, as copies share paths."""
    variables = [*model.optimizer.variables, *model.variables]
    return {f"{i} {v.path}": v.numpy() for i, v in enumerate(variables)}


def assert_same(first, second, tolerance):
    ours, theirs = list(first.values()), list(second.values())
    for path, a, b in zip(first, ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance, err_msg=path)


@pytest.fixture(params=zoo.MODELS)
def name(request):
    return request.param


def test_two_replicas_equal_one(name, two_devices):
    # Slow enough that rounding does not grow: a ReLU that flips at another step
    # would.
    alone = make(name, 0.003)
    history = alone.fit(zoo.dataset(name), epochs=2, verbose=0).history
    with two_devices.scope():
        shared = make(name, 0.003)
    other = shared.fit(zoo.dataset(name), epochs=2, verbose=0).history
    assert alone.step.numpy() == shared.step.numpy() == 8
    assert_same(state(alone), state(shared), 1e-5)
    for key, values in history.items():
        np.testing.assert_allclose(values, other[key], atol=1e-5, err_msg=key)
    alone_result = alone.evaluate(zoo.dataset(name), verbose=0, return_dict=True)
    shared_result = shared.evaluate(zoo.dataset(name), verbose=0, return_dict=True)
    for key, value in alone_result.items():
        np.testing.assert_allclose(value, shared_result[key], atol=1e-5, err_msg=key)


def test_a_compiled_step_equals_the_plain_one(name):
    plain, compiled = make(name, jit_compile=False), make(name, jit_compile=True)
    for model in (plain, compiled):
        model.fit(zoo.dataset(name).take(2), verbose=0)
    assert_same(state(plain), state(compiled), 1e-4)


@functools.cache
def float32_losses(name):
    model = make(name, 0.001)
    return model.fit(zoo.dataset(name), epochs=13, verbose=0).history["loss"]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_stays_near_float32(name, policy):
    losses = float32_losses(name)
    keras.config.set_dtype_policy(policy)
    half = make(name, 0.001)
    if policy == "mixed_float16":
        # Keras's loss scale starts so high that it skips the first step to find its
        # place, and the run would be compared with one that is a step ahead.
        optimizer = keras.optimizers.SGD(0.001, momentum=0.9)
        half.compile(keras.optimizers.LossScaleOptimizer(optimizer, 2.0**8))
    other = half.fit(zoo.dataset(name), epochs=13, verbose=0).history
    assert half.optimizer.iterations.numpy() == half.step.numpy() == 52
    # On the way the two part for a while; after 50 steps they are together.
    np.testing.assert_allclose(other["loss"], losses, rtol=0.05)
    np.testing.assert_allclose(other["loss"][-1], losses[-1], rtol=0.02)


def test_it_learns_and_is_traced_once(name):
    model = make(name, 0.1)
    traces = 0
    step = model.train_step

    def counted(data):
        nonlocal traces
        traces += 1
        return step(data)

    model.train_step = counted
    history = model.fit(zoo.dataset(name), epochs=30, verbose=0).history
    assert traces == 1
    # Not from the first epoch alone: with a queue that is not full yet it is easy.
    assert history["loss"][-1] < 0.9 * max(history["loss"][:3])


def test_the_same_seed_gives_the_same_run(name):
    first, second = (make(name) for _ in range(2))
    for model in (first, second):
        model.fit(zoo.dataset(name), epochs=2, verbose=0)
    assert_same(state(first), state(second), 0)


RESUME = """
import sys, keras, keras_contrastive
from tests.contracts import zoo
folder, *names = sys.argv[1:]
for index, name in enumerate(names):
    model = keras.saving.load_model(f"{folder}/{index}.keras")
    model.fit(zoo.dataset(name), verbose=0)
    model.save(f"{folder}/{index}.later.keras")
"""


@pytest.fixture(scope="module")
def gone_on(request, tmp_path_factory):
    """Each model, fitted twice, beside one saved between and fitted in a process."""
    folder = tmp_path_factory.mktemp("saved")
    asked = {
        item.callspec.params["name"]: None
        for item in request.session.items
        if "gone_on" in getattr(item, "fixturenames", ())
    }
    models = {name: make(name) for name in asked}
    for index, (name, model) in enumerate(models.items()):
        model.fit(zoo.dataset(name), verbose=0)
        model.save(folder / f"{index}.keras")
    command = [sys.executable, "-c", RESUME, str(folder), *models]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    files = {name: folder / f"{i}.later.keras" for i, name in enumerate(models)}
    return models, files


@pytest.mark.xdist_group("gone_on")
def test_a_fresh_process_goes_on_where_it_was_saved(name, gone_on):
    models, files = gone_on
    models[name].fit(zoo.dataset(name), verbose=0)
    later = keras.saving.load_model(files[name])
    assert_same(state(models[name]), state(later), 0)


def test_the_trunk_that_went_in_is_the_trained_one(name):
    model = make(name)
    before = model.encoder.get_weights()
    # Two steps: the first has no negatives where they come from an empty queue.
    model.fit(zoo.dataset(name).take(2), verbose=0)
    moved = [
        not np.array_equal(old, new)
        for old, new in zip(before, model.encoder.get_weights(), strict=True)
    ]
    assert all(moved)
    features = model.predict(zoo.images(8) / 255, verbose=0)
    np.testing.assert_allclose(
        features, model.encoder(zoo.images(8) / 255, training=False), atol=1e-6
    )


def test_evaluating_changes_nothing_and_repeats(name):
    model = make(name)
    before = state(model)
    first = model.evaluate(zoo.dataset(name), verbose=0, return_dict=True)
    second = model.evaluate(zoo.dataset(name), verbose=0, return_dict=True)
    assert first == second
    changed = [
        path
        for path, value in state(model).items()
        if not np.array_equal(value, before[path])
    ]
    metrics = {v.path for metric in model.metrics for v in metric.variables}
    assert {path.split(" ", 1)[1] for path in changed} <= metrics


def test_validation_data_is_reported(name):
    model = make(name)
    data = zoo.dataset(name)
    history = model.fit(data.take(1), validation_data=data.take(2), verbose=0).history
    for metric in ("loss", "embedding_std"):
        assert np.isfinite(history[f"val_{metric}"]).all()


def test_it_warns_of_nothing(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(name).fit(zoo.dataset(name).take(1), verbose=0)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_bad_input_stops_early_and_changes_nothing(name):
    model = make(name)
    before = state(model)
    data = zoo.dataset(name)
    feature = "image" if name in zoo.ON_IMAGES else "views"

    def edited(change):
        return data.map(
            lambda batch: {
                **batch,
                feature: tf.nest.map_structure(change, batch[feature]),
            }
        )

    def fit(dataset):
        model.fit(dataset, verbose=0)

    for bad, words in (
        (data.take(0), "at least one batch"),
        (data.filter(lambda batch: False), "at least one batch"),
        (data.unbatch(), "batched dataset"),
        (data.map(lambda batch: {"label": batch["label"]}), "must hold images"),
        (edited(lambda x: x[:1]), "a pair alone has no negatives|share equally"),
        (edited(lambda x: tf.cast(x, tf.float32) * float("nan")), "finite"),
        (edited(lambda x: x[..., :1]), "one channel|grey"),
    ):
        with pytest.raises(ValueError, match=rf"(?s)({words}).*Received: "):
            fit(bad)
    assert_same(before, state(model), 0)


def test_a_short_last_batch_is_taken_by_one_and_refused_by_two(name, two_devices):
    data = zoo.dataset(name).unbatch().batch(24)
    alone = make(name)
    alone.fit(data, verbose=0)
    assert alone.step.numpy() == 3
    with two_devices.scope():
        shared = make(name)
    with pytest.raises(ValueError, match=r"drop_remainder=True.*Received: "):
        shared.fit(data, verbose=0)
    odd = zoo.dataset(name).unbatch().batch(15, drop_remainder=True)
    with pytest.raises(ValueError, match=r"such as 14 or 16.*Received: 15"):
        shared.fit(odd, verbose=0)


def test_it_brings_its_own_loss(name):
    with pytest.raises(ValueError, match=r"`loss`.*Received: loss='mse'"):
        zoo.MODELS[name]().compile("sgd", loss="mse")
