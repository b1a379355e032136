import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.optimizers import LARS


def variables(seed=0, dtype="float32"):
    """A kernel, a bias and the parameters of a normalisation, with Keras's paths."""
    rng = np.random.default_rng(seed)
    shapes = {"conv/kernel": (3, 4), "conv/bias": (4,), "norm/gamma": (4,)}
    made = []
    for path, shape in shapes.items():
        scope, name = path.split("/")
        with keras.name_scope(scope):
            value = rng.normal(size=shape)
            made.append(keras.Variable(value, name=name, dtype=dtype))
    assert [v.path for v in made] == list(shapes)
    return made


def gradients(step, shapes):
    rng = np.random.default_rng(100 + step)
    return [rng.normal(size=shape) for shape in shapes]


def numpy_steps(values, excluded, steps, rate, momentum, decay, trust, nesterov):
    """The equations, one variable at a time, in float64."""
    values = [np.array(v, np.float64) for v in values]
    velocity = [np.zeros_like(v) for v in values]
    for step in range(steps):
        for i, g in enumerate(gradients(step, [v.shape for v in values])):
            ratio = 1.0
            if not excluded[i]:
                g = g + decay * values[i]
                ratio = trust * np.sqrt(np.sum(values[i] ** 2)) / np.sqrt(np.sum(g**2))
            move = rate(step) * ratio * g
            velocity[i] = momentum * velocity[i] + move
            values[i] -= momentum * velocity[i] + move if nesterov else velocity[i]
    return values


def keras_steps(optimizer, made, steps):
    optimizer.build(made)
    for step in range(steps):
        grads = gradients(step, [v.shape for v in made])
        optimizer.apply([tf.constant(g, tf.float32) for g in grads])
    return [v.numpy() for v in made]


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("nesterov", [False, True])
def test_steps_equal_numpy(decay, nesterov):
    made = variables()
    expected = numpy_steps(
        [v.numpy() for v in made],
        [False, True, True],
        6,
        lambda _: 0.5,
        0.9,
        decay,
        0.02,
        nesterov,
    )
    optimizer = LARS(0.5, 0.9, decay, trust_coefficient=0.02, nesterov=nesterov)
    for got, want in zip(keras_steps(optimizer, made, 6), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def test_a_schedule_is_followed():
    made = variables()
    schedule = keras.optimizers.schedules.PolynomialDecay(0.4, 4)
    expected = numpy_steps(
        [v.numpy() for v in made],
        [False, True, True],
        4,
        lambda step: 0.0001 + (0.4 - 0.0001) * (1 - step / 4),
        0.9,
        1e-6,
        0.001,
        False,
    )
    for got, want in zip(keras_steps(LARS(schedule), made, 4), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("zero", ["weight", "gradient", "both"])
def test_trust_ratio_is_one_without_a_length(zero):
    weight = np.zeros(3) if zero in ("weight", "both") else np.arange(3.0)
    gradient = np.zeros(3) if zero in ("gradient", "both") else np.arange(1.0, 4.0)
    variable = keras.Variable(weight, name="kernel")
    optimizer = LARS(0.5, weight_decay=0.0)
    optimizer.build([variable])
    optimizer.apply([tf.constant(gradient, tf.float32)])
    np.testing.assert_allclose(variable, weight - 0.5 * gradient, rtol=1e-6)


def test_length_of_the_gradient_does_not_count():
    ends = []
    for scale in (1e-12, 1.0, 1e12):
        variable = keras.Variable([3.0, -4.0], name="kernel")
        optimizer = LARS(2.0, weight_decay=0.0)
        optimizer.build([variable])
        optimizer.apply([tf.constant([0.6, 0.8]) * scale])
        ends.append(variable.numpy())
    # A step of learning rate * trust coefficient * |w| = 0.01 along the gradient.
    for end in ends:
        np.testing.assert_allclose(end, [3 - 0.006, -4 - 0.008], rtol=1e-6)


def test_keras_decoupled_decay_does_not_run_as_well():
    variable = keras.Variable([3.0, 4.0], name="bias")
    optimizer = LARS(1.0, weight_decay=0.5)
    optimizer.build([variable])
    optimizer.apply([tf.zeros(2)])
    np.testing.assert_array_equal(variable, [3.0, 4.0])
    with pytest.raises(NotImplementedError, match="`exclude`"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])


def test_exclusion_is_searched_in_the_path():
    made = variables()
    before = [v.numpy() for v in made]
    expected = numpy_steps(
        before, [True, False, True], 2, lambda _: 0.3, 0.9, 1e-2, 0.001, False
    )
    optimizer = LARS(0.3, weight_decay=1e-2, exclude=["^conv/ker", "gamma$"])
    for got, want in zip(keras_steps(optimizer, made, 2), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def test_defaults_find_biases_and_normalisation_of_real_layers():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3),
            keras.layers.BatchNormalization(),
            keras.layers.LayerNormalization(),
            keras.layers.GroupNormalization(2),
            keras.layers.RMSNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    optimizer = LARS()
    optimizer.build(model.trainable_variables)
    scaled = [
        v.path
        for v, excluded in zip(
            model.trainable_variables, optimizer._excluded, strict=True
        )
        if not excluded
    ]
    assert scaled == [model.layers[0].kernel.path, model.layers[-1].kernel.path]


def test_a_pattern_that_matches_nothing_warns():
    with pytest.warns(UserWarning, match="'nowhere'.*conv/kernel"):
        LARS(exclude=["bias$", "nowhere"]).build(variables())
    LARS().build(variables()[:1])  # the defaults may match nothing


def test_config_round_trip():
    optimizer = LARS(
        keras.optimizers.schedules.CosineDecay(0.2, 10),
        momentum=0.8,
        weight_decay=1e-3,
        trust_coefficient=0.01,
        exclude=["head/", "bias$"],
        nesterov=True,
        epsilon=1e-7,
        clipnorm=1.0,
        name="ours",
    )
    config = optimizer.get_config()
    assert config["exclude"] == ["head/", "bias$"]
    assert config["weight_decay"] == 1e-3
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, LARS)
    assert again.get_config() == config


def test_sparse_gradients_are_summed():
    sparse, dense = (keras.Variable(np.ones((4, 2)), name="table") for _ in range(2))
    slices = tf.IndexedSlices(tf.constant([[1.0, 2], [3, 4], [5, 6]]), [0, 2, 0])
    slices = tf.IndexedSlices(slices.values, slices.indices, dense_shape=[4, 2])
    for variable, gradient in (
        (sparse, slices),
        (dense, tf.constant([[6.0, 8], [0, 0], [3, 4], [0, 0]])),
    ):
        optimizer = LARS(0.5)
        optimizer.build([variable])
        optimizer.apply([gradient])
    np.testing.assert_allclose(sparse, dense, rtol=1e-6)


def test_half_precision_norms_do_not_overflow():
    variable = keras.Variable(np.full(64, 200.0), name="kernel", dtype="float16")
    optimizer = LARS(1.0, weight_decay=0.0, trust_coefficient=0.1)
    optimizer.build([variable])
    optimizer.apply([tf.fill([64], tf.constant(300.0, tf.float16))])
    # |w| = 1600 and |g| = 2400: every weight moves by 0.1 * 1600 / 2400 * 300 = 20.
    np.testing.assert_allclose(variable, np.full(64, 180.0), rtol=2e-3)


def test_loss_scaling_changes_nothing():
    plain, scaled = variables(), variables()
    for step in range(3):
        grads = [tf.constant(g, tf.float32) for g in gradients(step, [(3, 4), 4, 4])]
        if step == 0:
            direct = LARS(0.3, weight_decay=0.1)
            wrapped = keras.optimizers.LossScaleOptimizer(
                LARS(0.3, weight_decay=0.1), initial_scale=1024.0
            )
            direct.build(plain)
            wrapped.build(scaled)
        direct.apply(grads)
        wrapped.apply([1024.0 * g for g in grads])
    # An overflow is skipped, and moves neither weights nor momentum.
    wrapped.apply([np.inf * g for g in grads])
    for a, b in zip(plain, scaled, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert int(wrapped.iterations) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"momentum": 1.0}, "`momentum` must be in [0, 1)"),
        ({"momentum": -0.1}, "`momentum` must be in [0, 1)"),
        ({"weight_decay": -1e-6}, "`weight_decay` must not be negative"),
        ({"weight_decay": float("nan")}, "`weight_decay`"),
        ({"trust_coefficient": 0.0}, "`trust_coefficient` must be above 0"),
        ({"epsilon": -1.0}, "`epsilon` must not be negative"),
        ({"exclude": ["("]}, "`exclude` must hold valid regular expressions"),
        ({"exclude": [3]}, "`exclude` must hold valid regular expressions"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message) + ".* Received: "):
        LARS(**arguments)


def test_a_single_string_is_refused():
    with pytest.raises(TypeError, match="Received: 'bias'"):
        LARS(exclude="bias")
