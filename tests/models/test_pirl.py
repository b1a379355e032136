import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.pirl import batch, compiled, images
from tests.reference import pirl_nce as slow
from tests.reference.memory_bank import update as slow_update

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
