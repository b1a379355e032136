"""Decoders, and those that are tied to an encoder."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.encoders import TiedDecoder, create_decoder


def jolted(model):
    rng = np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(0.5 * rng.normal(size=v.shape))
    return model


def dense_encoder():
    layers = [
        keras.layers.Flatten(),
        keras.layers.Dense(5, "tanh"),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(3),
        keras.layers.Activation("sigmoid"),
    ]
    return jolted(keras.Sequential([keras.Input([2, 4]), *layers]))


def test_dense_layers_run_backwards_with_their_kernels_transposed():
    encoder = dense_encoder()
    decoder = jolted(TiedDecoder(encoder))
    features = np.random.default_rng(1).normal(size=(6, 3))
    first, second = encoder.layers[1], encoder.layers[3]
    low, high = (bias.numpy() for bias in decoder._biases)
    hidden = np.tanh(features @ second.kernel.numpy().T + high)
    expected = (hidden @ first.kernel.numpy().T + low).reshape(6, 2, 4)
    np.testing.assert_allclose(decoder(features), expected, atol=1e-5)
    assert decoder.compute_output_shape((6, 3)) == (6, 2, 4)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_convolutions_run_backwards_as_their_adjoint(padding):
    """<conv(x), y> = <x, transposed(y)>, which no other map fulfils for all x and y."""
    convolution = keras.layers.Conv2D(3, 3, strides=2, padding=padding, use_bias=False)
    encoder = keras.Sequential([keras.Input([7, 8, 2]), convolution])
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 7, 8, 2)).astype(np.float32)
    y = rng.normal(size=encoder.compute_output_shape(x.shape)).astype(np.float32)
    back = TiedDecoder(encoder)(y).numpy()
    assert back.shape == x.shape
    np.testing.assert_allclose((encoder(x) * y).numpy().sum(), (x * back).sum(), 1e-4)


def test_a_kernel_learns_from_both_of_its_uses():
    encoder = keras.Sequential(
        [keras.Input([2]), keras.layers.Dense(1, use_bias=False)]
    )
    encoder.layers[0].kernel.assign([[2.0], [3.0]])
    decoder = TiedDecoder(encoder)
    x = np.array([[1.0, 0.0]], np.float32)
    with tf.GradientTape() as tape:
        # r(x) = W (W.x): its first entry is w1^2 x1, of slope 2 w1 x1.
        loss = decoder(encoder(x))[0, 0]
    gradient = tape.gradient(loss, encoder.layers[0].kernel.value)
    np.testing.assert_allclose(gradient, [[4.0], [0.0]])
    assert len(decoder.trainable_variables) == 2


def test_a_layer_that_other_models_share_is_tied_too():
    dense = keras.layers.Dense(3, "relu")
    keras.Sequential([keras.Input([4]), keras.layers.Dense(4), dense])
    alone = keras.Sequential([keras.Input([4]), dense])
    assert TiedDecoder(alone)(np.ones([2, 3], np.float32)).shape == (2, 4)


def test_what_is_rebuilt_is_tied_to_its_own_encoder():
    decoder = TiedDecoder(dense_encoder())
    config = keras.saving.serialize_keras_object(decoder)
    again = keras.saving.deserialize_keras_object(config)
    again.set_weights(decoder.get_weights())
    features = np.ones([2, 3], np.float32)
    np.testing.assert_array_equal(again(features), decoder(features))


@pytest.mark.parametrize(
    ("encoder", "kind", "words"),
    [
        (
            lambda: kc.encoders.create("convnet", (8, 8, 1)),
            ValueError,
            "tied to: Dense",
        ),
        (lambda: keras.Sequential([keras.layers.Dense(2)]), ValueError, "built chain"),
        (
            lambda: keras.Sequential(
                [keras.Input([3, 4]), keras.layers.Dense(2), keras.layers.Flatten()]
            ),
            ValueError,
            "on vectors",
        ),
        (
            lambda: keras.Sequential(
                [keras.Input([8, 8, 1]), keras.layers.Conv2D(2, 3, dilation_rate=2)]
            ),
            ValueError,
            "dilation",
        ),
        (lambda: keras.layers.Dense(2), TypeError, "`encoder`"),
    ],
)
def test_what_cannot_be_tied_is_named(encoder, kind, words):
    with pytest.raises(kind, match=rf"(?s){words}.*Received: "):
        TiedDecoder(encoder())


def test_a_branch_cannot_be_tied():
    inputs = keras.Input([4])
    left, right = keras.layers.Dense(3)(inputs), keras.layers.Dense(3)(inputs)
    model = keras.Model(inputs, keras.layers.Activation("relu")(right))
    assert TiedDecoder(model).compute_output_shape((1, 3)) == (1, 4)
    both = keras.Model(inputs, keras.layers.Add()([left, right]))
    with pytest.raises(ValueError, match=r"Received: "):
        TiedDecoder(both)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mlp", (5,)),
        ("mlp", (4, 3, 2)),
        ("convnet", (32, 32, 3)),
        ("convnet", (28, 28, 1)),
        ("convnet", (9, 6, 1)),
    ],
)
def test_a_decoder_ends_in_the_shape_of_the_points(name, shape):
    decoder = create_decoder(name, 16, shape)
    made = decoder(np.random.default_rng(0).normal(size=(2, 16)))
    assert made.shape == (2, *shape)
    # Without an activation: it goes below 0.
    assert made.numpy().min() < 0


def test_the_convolutional_decoder_doubles_as_often_as_it_can():
    kinds = [type(x).__name__ for x in create_decoder("convnet", 8, (32, 32, 3)).layers]
    assert kinds.count("Conv2DTranspose") == 3
    kinds = [type(x).__name__ for x in create_decoder("convnet", 8, (28, 28, 1)).layers]
    assert kinds.count("Conv2DTranspose") == 2


@pytest.mark.parametrize(
    ("side", "first", "filters"),
    [
        (32, 4, [128, 64, 32]),
        (64, 8, [128, 64, 32]),
        (96, 6, [128, 128, 64, 32]),
        (224, 7, [128, 128, 128, 64, 32]),
    ],
)
def test_larger_images_are_doubled_more_often_and_not_begun_larger(
    side, first, filters
):
    """Else the first dense layer fills gigabytes: 411 million weights at 224 pixels."""
    layers = create_decoder("convnet", 8, (side, side, 3)).layers
    kinds = {"Reshape": [], "Conv2DTranspose": []}
    for layer in layers:
        kinds.setdefault(type(layer).__name__, []).append(layer)
    assert kinds["Reshape"][0].target_shape == (first, first, 256)
    assert [layer.filters for layer in kinds["Conv2DTranspose"]] == filters


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("unet", 8, (4, 4, 1)), "`name`"),
        (("mlp", 0, (4,)), "`feature_dim`"),
        (("mlp", 8, ()), "`output_shape`"),
        (("convnet", 8, (4, 4)), "height, width, channels"),
    ],
)
def test_bad_arguments_are_refused(arguments, words):
    with pytest.raises(ValueError, match=rf"{words}.*Received: "):
        create_decoder(*arguments)
