import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.contracts import zoo
from tests.reference.nt_xent import nt_xent as slow_nt_xent


def views(count=16):
    policy = kc.augment.simclr(zoo.SIZE)
    return tuple(policy(zoo.images(count), seed=[1, v]) for v in range(2))


def test_a_step_is_the_paper_s():
    """One SGD step by hand: both views as one batch, gradient of the mean loss."""
    keras.utils.set_random_seed(1)
    model = zoo.simclr_on_views()
    model.compile(keras.optimizers.SGD(0.1))
    keras.utils.set_random_seed(1)
    other = zoo.simclr_on_views()
    a, b = views()
    with tf.GradientTape() as tape:
        features = other.encoder(tf.concat([a, b], 0), training=True)
        z = other.projection(features, training=True)
        z = tf.math.l2_normalize(z, axis=1)
        similarity = tf.exp(tf.matmul(z, z, transpose_b=True) / 0.5)
        similarity *= 1 - tf.eye(32)
        positive = tf.gather(similarity, (tf.range(32) + 16) % 32, batch_dims=1)
        loss = -tf.reduce_mean(tf.math.log(positive / tf.reduce_sum(similarity, 1)))
    gradients = tape.gradient(loss, other.trainable_variables)
    expected = slow_nt_xent(z[:16].numpy(), z[16:].numpy(), 0.5).mean()
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    logs = model.train_on_batch({"views": (a, b)}, return_dict=True)
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-6)
    for variable, old, gradient in zip(
        model.trainable_variables, other.trainable_variables, gradients, strict=True
    ):
        np.testing.assert_allclose(variable, old - 0.1 * gradient, atol=1e-6)


def test_metrics_are_what_they_say():
    model = zoo.simclr_on_views()
    model.compile("sgd")
    a, b = views()
    logs = model.evaluate(
        tf.data.Dataset.from_tensors({"views": (a, b)}), verbose=0, return_dict=True
    )
    z1, z2 = (model.projection(model.encoder(v)).numpy() for v in (a, b))
    z = np.concatenate([z1, z2])
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    similarity = z @ z.T - 10 * np.eye(32)
    right = similarity.argmax(1) == (np.arange(32) + 16) % 32
    np.testing.assert_allclose(logs["contrastive_accuracy"], right.mean(), atol=1e-6)
    np.testing.assert_allclose(logs["embedding_std"], z[:16].std(0).mean(), atol=1e-6)
    np.testing.assert_allclose(logs["loss"], slow_nt_xent(z1, z2, 0.5).mean(), 1e-5)


def test_a_collapsed_encoder_raises_the_alarm():
    model = zoo.simclr_on_views()
    model.compile("sgd")
    last = model.projection.layers[-1]
    last.kernel.assign(tf.zeros_like(last.kernel))
    last.bias.assign(tf.ones_like(last.bias))
    a, b = views()
    logs = model.evaluate(
        tf.data.Dataset.from_tensors({"views": (a, b)}), verbose=0, return_dict=True
    )
    assert logs["embedding_std"] < 1e-6
    # Nothing to tell the views apart by: one guess of 31.
    np.testing.assert_allclose(logs["loss"], np.log(31), rtol=1e-5)


def test_regularisation_of_the_trunk_is_part_of_the_loss():
    inputs = keras.Input((4, 4, 3))
    flat = keras.layers.Flatten()(inputs)
    outputs = keras.layers.Dense(5, kernel_regularizer=keras.regularizers.L2(0.5))(flat)
    model = kc.models.SimCLR(keras.Model(inputs, outputs), seed=0)
    model.compile(keras.optimizers.SGD(0.1))
    kernel = model.encoder.layers[-1].kernel
    before = kernel.numpy()
    # Views alike in all images: every gradient of the contrast is zero.
    same = np.full((4, 4, 4, 3), 0.5, "float32")
    model.train_on_batch({"views": (same, same)})
    np.testing.assert_allclose(kernel, before * (1 - 0.1), atol=1e-6)


@pytest.mark.parametrize(
    "form",
    [
        lambda x: x,
        lambda x: (x, np.zeros(len(x))),
        lambda x: {"image": x, "label": np.zeros(len(x)), "id": ["a"] * len(x)},
    ],
)
def test_it_takes_a_catalogue_set_as_it_is(form):
    model = zoo.simclr()
    model.compile("sgd")
    data = tf.data.Dataset.from_tensor_slices(form(zoo.images(32))).batch(16)
    model.fit(data, verbose=0)
    assert model.step.numpy() == 2


def test_it_takes_arrays_and_uint8_views():
    model = zoo.simclr()
    model.compile("sgd")
    model.fit(zoo.images(32), batch_size=16, verbose=0)
    assert model.step.numpy() == 2
    on_views = zoo.simclr_on_views()
    on_views.compile("sgd")
    bytes_, floats = zoo.images(16), zoo.images(16).astype("float32") / 255
    first = on_views.test_on_batch({"views": (bytes_, bytes_[::-1])})
    second = on_views.test_on_batch({"views": (floats, floats[::-1])})
    np.testing.assert_allclose(first, second, rtol=1e-6)


def test_any_keras_layer_augments():
    augment = keras.layers.GaussianNoise(0.1, seed=1)
    model = kc.models.SimCLR(zoo.trunk(), augment, seed=0)
    model.compile("sgd")
    floats = zoo.images(32).astype("float32") / 255
    data = tf.data.Dataset.from_tensor_slices(floats).batch(16)
    assert np.isfinite(model.fit(data, verbose=0).history["loss"]).all()


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"`temperature`.*Received: 0"):
        kc.models.SimCLR(zoo.trunk(), temperature=0)
    with pytest.raises(TypeError, match=r"`encoder`.*Received: 'convnet'"):
        kc.models.SimCLR("convnet")
    with pytest.raises(TypeError, match=r"`augment`.*Received: "):
        kc.models.SimCLR(zoo.trunk(), augment=lambda x: x)
    with pytest.raises(ValueError, match=r"`encoder`.*Received: output shape None"):
        kc.models.SimCLR(keras.Sequential([keras.layers.Dense(3)]))
    maps = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 3)])
    with pytest.raises(ValueError, match=r"global pooling.*Received: output shape"):
        kc.models.SimCLR(maps)


def test_floats_in_bytes_and_missing_views_are_named():
    model = zoo.simclr()
    model.compile("sgd")
    floats = zoo.images(16).astype("float32")
    data = tf.data.Dataset.from_tensors(floats)
    with pytest.raises(ValueError, match=r"divide float images.*Received: .* 0 255"):
        model.fit(data, verbose=0)
    pair = tf.data.Dataset.from_tensors({"views": views()})
    with pytest.raises(ValueError, match=r"augment=None.*Received: "):
        model.fit(pair, verbose=0)
    on_views = zoo.simclr_on_views()
    on_views.compile("sgd")
    with pytest.raises(ValueError, match=r"2 views of each image.*Received: "):
        on_views.fit(data, verbose=0)
