"""What PIRL takes, and what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.contracts import zoo
from tests.models.pirl import batch, compiled


def test_it_fits_what_the_data_room_makes():
    data = tf.data.Dataset.from_tensor_slices(
        {"image": zoo.images(40), "id": np.arange(40, dtype=np.int64)}
    )
    model = compiled()
    model.fit(kc.data.batches(data, 8), verbose=0)
    assert model.bank.written.numpy()[:40].all()
    assert not model.bank.written.numpy()[40:].any()
    model = compiled(augment=None)
    model.fit(kc.data.views(data, zoo.mild(), 8), verbose=0)
    assert model.bank.written.numpy()[:40].all()


def test_large_ids_are_exact():
    """2^24 + 1 is the first integer that float32 does not hold."""
    big = 2**24 + 8
    keras.utils.set_random_seed(1)
    model = kc.models.PIRL(
        zoo.trunk(), big, projection_dim=1, negatives=4, transform="rotation", seed=0
    )
    model.compile("sgd")
    ids = np.arange(big - 8, big)
    for kind in (np.int32, np.int64):
        model.train_on_batch({**batch(), "id": ids.astype(kind)})
    np.testing.assert_array_equal(np.flatnonzero(model.bank.written.numpy()), ids)


def test_the_paper_s_numbers_are_the_defaults():
    model = kc.models.PIRL(zoo.trunk(), 40_000, projection_dim=2)
    assert (model.negatives, model.weight, model.temperature) == (32_000, 0.5, 0.07)
    assert (model.bank.size, model.bank.momentum) == (40_000, 0.5)
    assert kc.models.PIRL(zoo.trunk(), 100).negatives == 99


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dataset_size": 0}, "`dataset_size`.*Received: 0"),
        ({"negatives": 64}, "`negatives`.*below `dataset_size`, 64.*Received: 64"),
        ({"negatives": 0}, "`negatives`.*Received: 0"),
        ({"negatives": "all"}, "`negatives`.*Received: 'all'"),
        ({"weight": 1.5}, "`weight`.*Received: 1.5"),
        ({"momentum": 1.0}, "`momentum`.*Received: 1.0"),
        ({"temperature": 0}, "`temperature`.*Received: 0"),
        ({"h": "sigmoid"}, "`h`.*Received: 'sigmoid'"),
        ({"transform": "puzzle"}, "`transform`.*Received: 'puzzle'"),
        ({"projection_dim": 0}, "`projection_dim`.*Received: 0"),
    ],
)
def test_bad_arguments_are_named(options, words):
    options = {"encoder": zoo.trunk(), "dataset_size": 64} | options
    with pytest.raises(ValueError, match=rf"(?s){words}"):
        kc.models.PIRL(**options)


def test_a_trunk_that_cannot_take_patches_is_named():
    mlp = kc.encoders.create("mlp", (16, 16, 3))
    with pytest.raises(ValueError, match=r"(?s)any size.*\(4, 4, 3\).*Received: 'mlp'"):
        kc.models.PIRL(mlp, 64)
    assert kc.models.PIRL(mlp, 64, transform="rotation").negatives == 63
    tiny = kc.encoders.create("convnet", (4, 4, 3))
    with pytest.raises(ValueError, match=r"`image_size`.*Received: 4"):
        kc.models.PIRL(tiny, 64)
    with pytest.raises(TypeError, match=r"`transform`.*Received: "):
        kc.models.PIRL(zoo.trunk(), 64, transform=lambda x: x)
    oblong = kc.encoders.create("convnet", (8, 12, 3))
    with pytest.raises(ValueError, match=r"square.*Received: "):
        kc.models.PIRL(oblong, 64, transform="rotation")


def test_ids_that_will_not_do_are_named_and_change_nothing():
    model = compiled()
    before = [v.numpy() for v in model.variables]

    def data(**features):
        features = {"image": zoo.images(16), **features}
        return tf.data.Dataset.from_tensor_slices(features).batch(8)

    for bad, words in (
        (data(), r"kc.data.load.*Received: a batch with \['image'\]"),
        (data(id=[f"{i}.png" for i in range(16)]), r"kc.data.load.*Received.*string"),
        (data(id=np.arange(16.0)), r"kc.data.load.*Received.*float64"),
        (data(id=np.arange(32).reshape(16, 2)), r"kc.data.load.*Received.*shape"),
        (data(id=np.arange(16) - 1), r"`ids` must be in \[0, 64\).*Received.*-1"),
        (data(id=np.arange(16) + 60), r"`ids` must be in \[0, 64\).*Received.*67"),
    ):
        with pytest.raises(ValueError, match=rf"(?s){words}"):
            model.fit(bad, verbose=0)
    with pytest.raises(ValueError, match=r"kc.data.load.*Received: a batch with"):
        model.fit(zoo.images(16), verbose=0)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)
    # Without a bank no image needs a number.
    compiled(negatives="batch").fit(data(id=["a"] * 16), verbose=0)


def test_a_batch_as_large_as_the_set_is_named():
    model = compiled()
    data = zoo.dataset("PIRL", batch_size=64)
    with pytest.raises(ValueError, match=r"`dataset_size`.*batch size of 64.*Received"):
        model.fit(data, verbose=0)


def test_nothing_is_counted_before_the_ids_are_checked():
    """By the graph, because a race would tell it on some runs only."""
    model = compiled(augment=None)
    step = tf.function(model.train_step).get_concrete_function(
        tf.nest.map_structure(tf.constant, batch())
    )
    moving = model.encoder.layers[2].moving_mean.handle
    captured = dict((id(a), b) for a, b in step.graph.captures)
    inner = captured[id(moving)]
    assigns = [op for op in inner.consumers() if op.type == "AssignVariableOp"]
    assert len(assigns) == 2
    for assign in assigns:
        seen, waiting = set(), [assign]
        while waiting:
            op = waiting.pop()
            if op not in seen:
                seen.add(op)
                waiting += [x.op for x in op.inputs] + list(op.control_inputs)
        assert "ResourceGather" in {op.type for op in seen}
