"""Several steps a call end where one a call does, under every strategy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.contracts import energy_zoo, zoo
from tests.contracts.test_models import assert_same, state

# With an augmentation, a queue, a bank, particles.
CASES = [("SimCLR on images", 1), ("MoCo", 2), ("PIRL on views", 2), ("Persistent", 1)]


def home(name):
    return zoo if name in zoo.MODELS else energy_zoo


def make(name, steps, strategy, **compiled):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        model = home(name).MODELS[name]()
        optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
        model.compile(optimizer, steps_per_execution=steps, **compiled)
    return model


class Ends(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.steps = []

    def on_train_batch_end(self, batch, logs=None):
        assert np.isfinite(logs["loss"])
        self.steps.append(int(self.model.step.numpy()))


def fitted(model, data, **options):
    ends = Ends()
    history = model.fit(data, epochs=2, verbose=0, callbacks=[ends], **options).history
    return history, ends.steps


@pytest.mark.parametrize(("name", "replicas"), CASES)
def test_three_steps_a_call_are_three_of_one(name, replicas, two_devices):
    strategy = two_devices if replicas == 2 else tf.distribute.get_strategy()
    # Four batches: a call of three, and one of what is left.
    data = home(name).dataset(name)
    ends, histories = [], []
    models = [make(name, steps, strategy) for steps in (1, 3)]
    for model in models:
        history, seen = fitted(model, data, validation_data=data.take(2))
        histories.append(history)
        ends.append(seen)
    assert ends == [[1, 2, 3, 4, 5, 6, 7, 8], [3, 4, 7, 8]]
    assert_same(state(models[0]), state(models[1]), 0)
    assert histories[0] == histories[1]
    some = zoo.images(40) / 255 if home(name) is zoo else energy_zoo.points(name)
    one, three = (model.predict(some, batch_size=8, verbose=0) for model in models)
    np.testing.assert_allclose(one, three, rtol=1e-6)


# Keras says so of all data whose length is not known.
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("known", [True, False])
def test_the_graph_takes_batches_whose_end_is_known(known, two_devices, monkeypatch):
    data = zoo.dataset("SimCLR")
    assert data.cardinality() == 4
    if not known:
        data = data.filter(lambda *batch: True)
        assert data.cardinality() == tf.data.UNKNOWN_CARDINALITY
    kind = type(iter(two_devices.experimental_distribute_dataset(data)))
    python, asked = kind.__next__, []

    def spy(iterator):
        asked.append(iterator)
        return python(iterator)

    monkeypatch.setattr(kind, "__next__", spy)
    model = make("SimCLR", 1, two_devices)
    _, seen = fitted(model, data)
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8]
    assert bool(asked) != known


def test_an_endless_dataset_does_not_run_over_the_end_of_an_epoch():
    model = make("SimCLR", 4, tf.distribute.get_strategy())
    data = zoo.dataset("SimCLR").repeat()
    _, ends = fitted(model, data, steps_per_epoch=6)
    assert ends == [4, 6, 10, 12]


def test_a_step_is_traced_once_and_compiled():
    model = make("MoCo", 2, tf.distribute.get_strategy(), jit_compile=True)
    step, traces = model.train_step, []
    model.train_step = lambda data: traces.append(1) or step(data)
    fitted(model, zoo.dataset("MoCo").take(3))
    assert len(traces) == 1
    plain = make("MoCo", 1, tf.distribute.get_strategy())
    fitted(plain, zoo.dataset("MoCo").take(3))
    assert_same(state(plain), state(model), 1e-4)


def test_arrays_and_single_batches_are_taken_too():
    points = energy_zoo.points("Pseudo-likelihood")
    models = [
        make("Pseudo-likelihood", n, tf.distribute.get_strategy()) for n in (1, 3)
    ]
    for model in models:
        # Four batches, the last one short.
        _, ends = fitted(model, points[:100], batch_size=32, shuffle=False)
        model.train_on_batch(points[:32])
        model.evaluate(points[:100], verbose=0)
    assert ends == [3, 4, 7, 8]
    assert models[1].step.numpy() == 9
    assert_same(state(models[0]), state(models[1]), 0)


@pytest.mark.parametrize("steps", [0, 2.0, True])
def test_the_number_of_steps_is_checked(steps):
    model = zoo.MODELS["SimCLR"]()
    with pytest.raises(ValueError, match=r"`steps_per_execution`.*Received: "):
        model.compile("sgd", steps_per_execution=steps)
