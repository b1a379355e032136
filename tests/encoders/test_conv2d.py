import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.encoders import Conv2D

SHAPES = [
    # height, width, channels, filters, kernel, strides, padding
    (8, 8, 3, 5, 3, 2, "same"),
    (7, 7, 4, 6, 3, 2, "same"),
    (9, 6, 2, 3, 3, 2, "valid"),
    (5, 8, 3, 4, 3, 1, "same"),
    (6, 6, 2, 3, (2, 3), (1, 2), "same"),
    (6, 7, 3, 2, 4, 3, "same"),
    (4, 4, 5, 3, 1, 2, "valid"),
    (2, 2, 3, 4, 3, 2, "same"),
]


def slow_gradient(x, dy, size, strides, padding):
    """The sum over images, pixels and taps as the paper's loops have it, in float64."""
    batch, height, width, channels = x.shape
    _, rows, columns, filters = dy.shape
    starts = []
    for length, outputs, k, s in zip(
        (height, width), (rows, columns), size, strides, strict=True
    ):
        total = max((outputs - 1) * s + k - length, 0) if padding == "same" else 0
        starts.append(total // 2)
    gradient = np.zeros((*size, channels, filters))
    for n in range(batch):
        for r in range(rows):
            for c in range(columns):
                for i in range(size[0]):
                    for j in range(size[1]):
                        y = r * strides[0] + i - starts[0]
                        z = c * strides[1] + j - starts[1]
                        if 0 <= y < height and 0 <= z < width:
                            gradient[i, j] += np.outer(x[n, y, z], dy[n, r, c])
    return gradient


@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernels_gradient_is_the_sum_over_what_it_saw(shape):
    height, width, channels, filters, size, strides, padding = shape
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(3, height, width, channels)), tf.float32)
    layer = Conv2D(filters, size, "product", strides=strides, padding=padding)
    with tf.GradientTape() as tape:
        y = layer(x)
        dy = tf.constant(rng.normal(size=y.shape), tf.float32)
        loss = tf.reduce_sum(y * dy)
    expected = slow_gradient(
        x.numpy(), dy.numpy(), layer.kernel_size, layer.strides, padding
    )
    np.testing.assert_allclose(
        tape.gradient(loss, layer.kernel.value), expected, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_all_else_is_as_keras_has_it(shape):
    height, width, channels, filters, size, strides, padding = shape
    x = tf.random.stateless_normal([3, height, width, channels], [0, 1])
    options = {"strides": strides, "padding": padding, "activation": "tanh"}
    layers = (
        Conv2D(filters, size, "product", **options),
        keras.layers.Conv2D(filters, size, **options),
    )
    results = []
    for layer in layers:
        layer.build(x.shape)
        layer.set_weights([w.numpy() for w in layers[0].weights])
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x)
                loss = tf.reduce_sum(tf.math.cumsum(y, 1) ** 2)
            variables = [v.value for v in layer.trainable_variables]
            first = tape.gradient(loss, [x, *variables])
            slope = tf.reduce_sum(first[0] ** 2) + tf.reduce_sum(first[1] ** 2)
        second = outer.gradient(slope, [x, *variables])
        results.append([y, *first, *second])
    for ours, theirs in zip(*results, strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=1e-5)


def gradients_of(layer, shape, dtype="bfloat16", jit_compile=False):
    """The kinds of the operations of a layer's gradient."""
    layer.build(shape)

    @tf.function(jit_compile=jit_compile)
    def gradient(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.cast(layer(x), tf.float32))
        return tape.gradient(loss, layer.kernel.value)

    graph = gradient.get_concrete_function(tf.TensorSpec(shape, dtype)).graph
    return {operation.type for operation in graph.get_operations()}


STOCK = "Conv2DBackpropFilter"


@pytest.mark.parametrize(
    ("dtype", "side", "channels", "strides", "product"),
    [
        ("bfloat16", 4, 32, 1, True),
        ("bfloat16", 8, 32, 1, True),
        ("bfloat16", 16, 32, 2, True),
        ("bfloat16", 9, 32, 1, False),
        ("bfloat16", 4, 16, 1, False),
        ("bfloat16", 32, 64, 2, True),
        ("bfloat16", 32, 32, 2, False),
        ("bfloat16", 16, 64, 1, False),
        ("bfloat16", 34, 64, 2, False),
        ("float32", 8, 64, 2, True),
        ("float32", 4, 256, 2, True),
        ("float32", 8, 32, 2, False),
        ("float32", 10, 64, 2, False),
        ("float32", 4, 64, 1, False),
    ],
)
def test_auto_takes_the_product_where_rows_are_short(
    dtype, side, channels, strides, product
):
    policy = "mixed_bfloat16" if dtype == "bfloat16" else dtype
    layer = Conv2D(8, 3, strides=strides, padding="same", use_bias=False, dtype=policy)
    found = gradients_of(layer, (None, side, side, channels), dtype)
    assert (STOCK not in found) == product
    assert ("GatherV2" in found) == product


def test_auto_leaves_other_precisions_alone():
    layer = Conv2D(8, 3, strides=2, padding="same", dtype="mixed_float16")
    assert STOCK in gradients_of(layer, (None, 4, 4, 64), layer.compute_dtype)


@pytest.mark.parametrize(
    "options",
    [{"groups": 2}, {"dilation_rate": 2}, {"kernel_size": 1}, {"side": None}],
)
def test_auto_leaves_other_convolutions_alone(options):
    side = options.pop("side", 4)
    arguments = {"filters": 8, "kernel_size": 3, "padding": "same", **options}
    layer = Conv2D(dtype="mixed_bfloat16", **arguments)
    assert "GatherV2" not in gradients_of(layer, (2, side, side, 32))


def test_auto_leaves_accelerators_alone(monkeypatch):
    devices = tf.config.list_logical_devices()
    other = type(devices[0])("/device:TPU:0", "TPU")
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: [*devices, other])
    layer = Conv2D(8, 3, padding="same", dtype="mixed_bfloat16")
    assert STOCK in gradients_of(layer, (None, 4, 4, 32))


def test_convolution_asks_for_keras():
    layer = Conv2D(8, 3, "convolution", padding="same", dtype="mixed_bfloat16")
    assert STOCK in gradients_of(layer, (None, 4, 4, 32))


@pytest.mark.parametrize("name", ["convnet", "resnet18"])
def test_the_trunks_have_it_and_step_alike_with_either(name):
    gradients = []
    x = tf.random.stateless_uniform([8, 32, 32, 3], [0, 1])
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        trunk = kc.encoders.create(name, (32, 32, 3))
    finally:
        keras.config.set_dtype_policy("float32")
    layers = [x for x in trunk.layers if isinstance(x, Conv2D)]
    assert len(layers) == {"convnet": 4, "resnet18": 20}[name]
    for kind in ("auto", "convolution"):
        for layer in layers:
            layer.kernel_gradient = kind
        weights = [v.value for v in trunk.trainable_variables]

        @tf.function
        def gradient(weights=weights):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.cast(trunk(x, training=True), tf.float32) ** 2)
            return tape.gradient(loss, weights)

        kinds = {
            o.type for o in gradient.get_concrete_function().graph.get_operations()
        }
        assert ("GatherV2" in kinds) == (kind == "auto")
        gradients.append(gradient())
    for ours, theirs in zip(*gradients, strict=True):
        distance = tf.norm(ours - theirs)
        assert distance <= 0.02 * tf.norm(theirs) + 1e-6


def test_it_compiles_with_xla_for_any_batch():
    layer = Conv2D(8, 3, "product", strides=2, padding="same")
    layer.build((None, 8, 8, 4))
    x = tf.random.stateless_normal([5, 8, 8, 4], [0, 1])

    def gradient(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x) ** 2)
        return tape.gradient(loss, layer.kernel.value)

    specification = [tf.TensorSpec([None, 8, 8, 4])]
    compiled = tf.function(gradient, specification, jit_compile=True)
    plain = tf.function(gradient, specification)
    for count in (5, 2):
        np.testing.assert_allclose(
            compiled(x[:count]), plain(x[:count]), rtol=1e-4, atol=1e-4
        )


SERVE = """
import sys
import numpy as np
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
kernel = loaded.kernel
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(tf.cast(loaded.call(tf.ones([2, 8, 8, 32])), tf.float32))
gradient = tape.gradient(loss, kernel)
np.save(sys.argv[2], gradient)
assert "keras_contrastive" not in sys.modules
"""


def test_a_saved_models_gradient_needs_nothing_but_tensorflow(tmp_path):
    layer = Conv2D(
        4, 3, strides=2, padding="same", use_bias=False, dtype="mixed_bfloat16"
    )
    layer.build((None, 8, 8, 32))
    module = tf.Module()
    module.kernel = layer.kernel.value
    module.call = tf.function(layer, [tf.TensorSpec([None, 8, 8, 32])])
    tf.saved_model.save(module, tmp_path / "saved")
    command = [sys.executable, "-c", SERVE, tmp_path / "saved", tmp_path / "out.npy"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    # Of ones, a tap's gradient is the number of outputs that it reached.
    reached = np.minimum.outer([32.0, 32, 24], [32.0, 32, 24])
    reached[2, 2] = 18
    found = np.load(tmp_path / "out.npy")
    np.testing.assert_array_equal(
        found, np.broadcast_to(reached[..., None, None], found.shape)
    )


def test_its_configuration_makes_it_anew(tmp_path):
    net = keras.Sequential(
        [keras.Input((8, 8, 3)), Conv2D(4, 3, "product", padding="same")]
    )
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    assert again.layers[0].kernel_gradient == "product"
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3))
    np.testing.assert_array_equal(net(x), again(x))


def test_what_it_does_not_know_is_refused():
    with pytest.raises(ValueError, match=r"`kernel_gradient` must.*Received: 'matrix'"):
        Conv2D(4, 3, "matrix")
    for options in ({"groups": 2}, {"dilation_rate": 2}):
        with pytest.raises(ValueError, match=r"takes no groups.*Received: groups="):
            Conv2D(4, 3, "product", **options)
