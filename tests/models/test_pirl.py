import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.contracts import zoo
from tests.reference import pirl_nce as slow
from tests.reference.memory_bank import update as slow_update


def images(count=8):
    return zoo.images(count).astype("float32") / 255


def batch(count=8, first=3):
    return {
        "views": (images(count), images(count)[::-1]),
        "id": np.arange(count) + first,
    }


def compiled(**options):
    keras.utils.set_random_seed(1)
    model = zoo.pirl(**options)
    model.compile(keras.optimizers.SGD(0.1))
    return model


FORMS = {
    "jigsaw": {},
    "rotation": {"transform": "rotation", "weight": 0.3},
    "npid": {"h": "npid"},
    "batch": {"negatives": "batch"},
    "npid in batch": {"negatives": "batch", "h": "npid"},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_step_is_the_paper_s(form):
    """One SGD step by hand: the loss of the bank's old entries, then the new bank."""
    options = {"augment": None, **FORMS[form]}
    model, other = compiled(**options), compiled(**options)
    ids = batch()["id"]
    view, moved = other.views(batch(), step=0)
    np.testing.assert_allclose(view, images(), atol=1e-7)
    in_batch = options.get("negatives") == "batch"
    weight = 1.0 if in_batch else options.get("weight", 0.5)
    if not in_batch:
        old = other.bank.vectors.numpy(), other.bank.written.numpy()
        _, noise = other.recall(0, ids, tf.constant(ids))
        noise = noise.numpy()

    with tf.GradientTape() as tape:
        f = other.encoder(view, training=True)
        f = f @ other.image_head.weights[0] + other.image_head.weights[1]
        if options.get("transform") == "rotation":
            g = other.encoder(moved, training=True)
            g = g @ other.transform_head.weights[0] + other.transform_head.weights[1]
        else:
            # Patch by patch, but for batch norm, whose statistics are all patches'.
            flat = tf.reshape(moved, [72, 4, 4, 3])
            for layer in other.encoder.layers[1:]:
                norm = isinstance(layer, keras.layers.BatchNormalization)
                flat = layer(flat, training=True) if norm else layer(flat)
            each, bias, joint, last = other.transform_head.weights
            rows = [
                tf.concat([flat[9 * i + k, None] @ each + bias for k in range(9)], 1)
                for i in range(8)
            ]
            g = tf.concat(rows, 0) @ joint + last

        def loss_of(anchor, positive, negatives):
            """Straight from the equation, in float64, without any care for its size."""
            anchor, positive = (
                tf.math.l2_normalize(tf.cast(x, tf.float64), 1)
                for x in (anchor, positive)
            )
            values = []
            for i in range(8):
                rows = (
                    tf.concat([positive[:i], positive[i + 1 :]], 0)
                    if negatives is None
                    else tf.cast(negatives, tf.float64)
                )
                up = tf.exp(tf.tensordot(rows, anchor[i], 1) / 0.5)
                down = tf.exp(tf.tensordot(positive[i], anchor[i], 1) / 0.5)
                values.append((down, up))
            if options.get("h") == "npid":
                return values
            return (
                tf.add_n(
                    [
                        -tf.math.log(down / (down + tf.reduce_sum(up)))
                        - tf.reduce_sum(
                            tf.math.log(1 - up / (down + tf.reduce_sum(up)))
                        )
                        for down, up in values
                    ]
                )
                / 8
            )

        if in_batch:
            terms = [(1.0, loss_of(g, f, None))]
        else:
            own = old[0][ids]
            terms = [
                (weight, loss_of(g, own, noise)),
                (1 - weight, loss_of(f, own, noise)),
            ]
        if options.get("h") == "npid":
            every = [up for _, values in terms for _, up in values]
            z = tf.stop_gradient(64 * tf.reduce_mean(tf.stack(every)))
            share = every[0].shape[0] / 64

            def value(down, up):
                h_down = down / z / (down / z + share)
                h_up = up / z / (up / z + share)
                return -tf.math.log(h_down) - tf.reduce_sum(tf.math.log(1 - h_up))

            terms = [
                (w, tf.add_n([value(*pair) for pair in values]) / 8)
                for w, values in terms
            ]
        loss = tf.add_n([w * value for w, value in terms])
    gradients = tape.gradient(loss, other.trainable_variables)

    logs = model.train_on_batch(batch(), return_dict=True)
    np.testing.assert_allclose(logs["loss"], loss, rtol=1e-5)
    if options.get("h") == "npid":
        np.testing.assert_allclose(model.log_partition.value, np.log(z), rtol=1e-6)
    for variable, before, gradient in zip(
        model.trainable_variables, other.trainable_variables, gradients, strict=True
    ):
        np.testing.assert_allclose(variable, before - 0.1 * gradient, atol=2e-6)
    if not in_batch:
        vectors, written = slow_update(*old, ids, f.numpy(), 0.5)
        np.testing.assert_allclose(model.bank.vectors, vectors, atol=2e-6)
        np.testing.assert_array_equal(model.bank.written, written)


def test_negatives_are_others_and_drawn_anew_for_each_step():
    model = compiled(augment=None, negatives=63)
    ids = tf.constant([3, 9, 9])
    vectors = model.bank.vectors.numpy()
    drawn = []
    for step in (0, 1, 0):
        positive, negatives = model.recall(step, ids, ids)
        np.testing.assert_array_equal(positive, vectors[[3, 9, 9]])
        match = (negatives.numpy()[:, None] == vectors[None]).all(-1)
        drawn.append(match.argmax(1))
    assert not {3, 9} & set(np.concatenate(drawn))
    np.testing.assert_array_equal(drawn[0], drawn[2])
    assert (drawn[0] != drawn[1]).any()


def test_log_z_is_estimated_once():
    model = compiled(augment=None, h="npid")
    assert model.log_partition.value.numpy() == -np.inf
    model.test_on_batch(batch())
    assert model.log_partition.value.numpy() == -np.inf
    model.train_on_batch(batch())
    first = model.log_partition.value.numpy()
    assert np.isfinite(first)
    for i in range(3):
        model.train_on_batch(batch(first=8 * i))
    assert model.log_partition.value.numpy() == first


def test_evaluation_compares_with_the_image_and_not_with_an_entry():
    """Entry 5 of the bank is another image than number 5 of a validation set."""
    model = compiled(augment=None)
    data = batch()
    logs = model.test_on_batch(data, return_dict=True)
    again = model.test_on_batch({**data, "id": data["id"] + 11}, return_dict=True)
    assert logs == again
    f, g = model.embed(*model.views(data, step=-1), training=False)
    _, noise = model.recall(-1)
    expected = 0.5 * slow.pirl_nce(g, f, noise, 0.5) + 0.5 * slow.pirl_nce(
        f, f, noise, 0.5
    )
    np.testing.assert_allclose(logs["loss"], expected.mean(), rtol=1e-5)
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in map(np.array, (f, g))]
    best = (unit[1] @ noise.numpy().T).max(1)
    right = (unit[0] * unit[1]).sum(1) > best
    np.testing.assert_allclose(logs["contrastive_accuracy"], right.mean())
    np.testing.assert_allclose(logs["embedding_std"], unit[0].std(0).mean(), atol=1e-6)


def test_a_step_whose_loss_is_not_finite_writes_nothing():
    model = compiled(augment=None)
    before = model.bank.vectors.numpy()
    kernel = model.transform_head.weights[0]
    kernel.assign(np.nan * kernel)
    model.train_on_batch(batch())
    np.testing.assert_array_equal(model.bank.vectors, before)
    assert not model.bank.written.numpy().any()


def test_a_rotation_is_a_turned_second_view_and_a_jigsaw_cuts_the_image():
    data = {"image": zoo.images(8), "id": np.arange(8)}
    model = compiled(transform="rotation")
    first, turned = model.views(data, step=4)
    seed = [model.seed, 4]
    views = [
        model.augment(data["image"], seed=kc._seeded.fold_in(seed, v)) for v in (0, 1)
    ]
    np.testing.assert_allclose(first, views[0], atol=1e-6)
    for view, image in zip(views[1], turned, strict=True):
        gaps = [np.abs(np.rot90(view, k) - image).max() for k in range(4)]
        assert min(gaps) < 1e-6
    model = compiled()
    first, patches = model.views(data, step=4)
    np.testing.assert_allclose(first, views[0], atol=1e-6)
    assert patches.shape == (8, 9, 4, 4, 3)
    assert model.transform.area == (0.6, 1.0)
    # Ready views are cropped and coloured already: every pixel is one of theirs.
    model = compiled(augment=None)
    _, patches = model.views(batch(), step=0)
    assert model.transform.jitter is None
    colours = [set(map(tuple, x.reshape(-1, 3).round(4))) for x in images()[::-1]]
    for own, cut in zip(colours, patches.numpy(), strict=True):
        corners = set(map(tuple, cut.reshape(-1, 3).round(4)))
        assert corners & own
        assert not corners & set.union(*(other for other in colours if other != own))


def test_patches_go_through_the_one_trunk(tmp_path):
    model = compiled(augment=None)
    paths = [v.path for v in model.variables]
    trunk = {v.path for v in model.encoder.variables}
    assert len(paths) == len(set(paths))
    # Kernels and biases: one of f, two of g.
    learnt = len(model.encoder.trainable_variables)
    assert len(model.trainable_variables) == learnt + 2 + 4
    assert trunk <= set(paths)
    # `call` runs the layers that `__call__` does.
    pieces = images()[:, :16, :16]
    np.testing.assert_array_equal(
        model.encoder.call(pieces, training=False), model.encoder(pieces)
    )
    model.train_on_batch(batch())
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        archive.extract("model.weights.h5", tmp_path)
    kernels = []
    with h5py.File(tmp_path / "model.weights.h5") as file:
        file.visititems(
            lambda name, x: (
                kernels.append(name)
                if "conv2d" in name and getattr(x, "ndim", 0) == 4
                else None
            )
        )
    assert len(kernels) == 2
    again = keras.saving.load_model(tmp_path / "model.keras")
    view, patches = model.views(batch(), step=0)
    for ours, theirs in zip(
        model.embed(view, patches, False),
        again.embed(view, patches, False),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_layers_of_the_trunk_keep_one_output():
    model = compiled()
    assert model.encoder.layers[-1].output.shape == (None, 16)


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


def test_a_layer_of_ones_own_transforms():
    model = compiled(
        augment=None, transform=keras.layers.GaussianNoise(0.1, seed=1), negatives=5
    )
    model.train_on_batch(batch())
    again = kc.models.PIRL.from_config(model.get_config())
    assert isinstance(again.transform, keras.layers.GaussianNoise)
    halves = kc.augment.Jigsaw(zoo.SIZE, grid=2, seed=1)
    model = compiled(transform=halves)
    _, patches = model.views({"image": zoo.images(8)}, step=0)
    assert patches.shape == (8, 4, 6, 6, 3)
    again = kc.models.PIRL.from_config(model.get_config())
    assert again.transform.grid == 2


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
