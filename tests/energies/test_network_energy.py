import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc

IMAGE = (8, 8, 1)
MAKERS = {
    "mlp": lambda **k: kc.energies.NetworkEnergy.mlp((3,), (8, 8), **k),
    "mlp_spectral": lambda **k: kc.energies.NetworkEnergy.mlp(
        (3,), (8, 8), spectral_norm=True, **k
    ),
    "convnet": lambda **k: kc.energies.NetworkEnergy.convnet(IMAGE, (4, 6), **k),
    "convnet_spectral": lambda **k: kc.energies.NetworkEnergy.convnet(
        IMAGE, (4, 6), spectral_norm=True, **k
    ),
}


def points(energy, count=5, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *energy.event_shape))


def network(*layers, shape=(3,)):
    return keras.Sequential([keras.Input(shape), *layers])


def numpy_mlp(energy, x):
    """The network by hand, from its weights."""
    weights = [v.numpy().astype("float64") for v in energy.trainable_variables]
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = x @ kernel + bias
        x = x / (1 + np.exp(-x))
    return (x @ weights[-2] + weights[-1])[:, 0]


def test_the_energy_is_the_networks_output():
    energy = MAKERS["mlp"]()
    x = points(energy)
    for bias in energy.trainable_variables[1::2]:
        bias.assign_add(0.1 * np.arange(bias.shape[0]) + 0.1)
    assert energy(x).shape == (5,)
    np.testing.assert_allclose(energy(x), numpy_mlp(energy, x), rtol=1e-5, atol=1e-6)
    step = 1e-5
    for i in range(3):
        h = step * np.eye(3)[i]
        slope = (numpy_mlp(energy, x + h) - numpy_mlp(energy, x - h)) / (2 * step)
        np.testing.assert_allclose(energy.score(x)[:, i], -slope, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MAKERS)
def test_double_backpropagation_equals_finite_differences(name):
    """The gradient of a loss of the score, by the weights, as in score matching."""
    energy = MAKERS[name](dtype="float64")
    x = points(energy)

    def loss():
        return tf.reduce_mean(energy.score(x) ** 2)

    with tf.GradientTape() as tape:
        value = loss()
    variable = energy.trainable_variables[0]
    gradient = tape.gradient(value, variable).numpy()
    assert np.abs(gradient).max() > 0
    where = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
    start = variable.numpy()
    sides = []
    for step in (1e-5, -1e-5):
        moved = start.copy()
        moved[where] += step
        variable.assign(moved)
        sides.append(loss().numpy())
    np.testing.assert_allclose((sides[0] - sides[1]) / 2e-5, gradient[where], rtol=1e-6)


@pytest.mark.parametrize("name", MAKERS)
def test_xla_gives_the_same_energy_and_score(name):
    energy = MAKERS[name]()
    x = points(energy)
    compiled = tf.function(energy.energy_and_score, jit_compile=True)(x)
    for ours, theirs in zip(compiled, energy.energy_and_score(x), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_no_policy_makes_it_coarse(name, policy):
    keras.config.set_dtype_policy(policy)
    energy = MAKERS[name]()
    x = points(energy)
    assert energy(x).dtype == tf.float32
    assert energy.score(x).dtype == tf.float32
    # A step of a thousandth is nothing to a half float near 100.
    near = energy(np.concatenate([x, x + 1e-4])).numpy().reshape(2, -1)
    assert (near[0] != near[1]).all()
    assert all(v.dtype == "float32" for v in energy.variables)
    # A network of the policy's own has float32 energies all the same.
    own = kc.energies.NetworkEnergy(network(keras.layers.Dense(1)))
    assert own(np.ones([2, 3])).dtype == tf.float32
    assert own.score(np.ones([2, 3])).dtype == tf.float32


@pytest.mark.parametrize("name", MAKERS)
def test_it_saves_and_loads(name, tmp_path):
    energy = MAKERS[name](domain="bits", name="mine")
    model = keras.Model(inputs := keras.Input(energy.event_shape), energy(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras").layers[-1]
    assert (again.name, again.domain) == ("mine", "bits")
    assert again.event_shape == energy.event_shape
    x = points(energy)
    np.testing.assert_array_equal(again(x), energy(x))
    constraints = [getattr(v, "constraint", None) for v in again.trainable_variables]
    assert any(constraints) == ("spectral" in name)


@pytest.mark.parametrize(
    "last", [keras.layers.Dense(1), keras.layers.Lambda(lambda x: x[:, 0])]
)
def test_a_column_or_a_vector_is_taken(last):
    energy = kc.energies.NetworkEnergy(network(last))
    assert energy.event_shape == (3,)
    assert energy(np.ones([4, 3])).shape == (4,)


def langevin(energy, x, steps=3):
    noise = np.random.default_rng(0).normal(size=(steps, *x.shape))
    for n in noise.astype("f"):
        x = x + 0.1 * energy.score(x) + 0.1 * n
    return tf.stop_gradient(x)


def with_state():
    """All that Keras layers keep beside weights, but batch norm."""
    return kc.energies.NetworkEnergy(
        network(
            keras.layers.SpectralNormalization(keras.layers.Dense(8)),
            keras.layers.GroupNormalization(2),
            keras.layers.Activation("swish"),
            keras.layers.Dropout(0.5, seed=1),
            keras.layers.Dense(1),
        )
    )


def test_training_by_sampling_leaves_statistics_untouched():
    energy = with_state()
    optimizer = keras.optimizers.Adam(0.01)
    # The vector of the power iteration, and the state of dropout's generator.
    state = {v.path: v.numpy() for v in energy.non_trainable_variables}
    assert len(state) == 2
    data = tf.constant(points(energy), tf.float32)
    weights = [v.numpy() for v in energy.trainable_variables]
    samples = langevin(energy, data)
    for v, before in zip(energy.trainable_variables, weights, strict=True):
        np.testing.assert_array_equal(v, before)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(energy(data) - energy(samples))
    optimizer.apply(tape.gradient(loss, energy.trainable_variables),
                    energy.trainable_variables)  # fmt: skip
    assert (energy.trainable_variables[0].numpy() != weights[0]).any()
    langevin(energy, data)
    for v in energy.non_trainable_variables:
        np.testing.assert_array_equal(v, state[v.path])
    # It is the mode that keeps them, which a caller may change for the loss.
    energy(data, training=True)
    assert all(
        (v.numpy() != state[v.path]).any() for v in energy.non_trainable_variables
    )


def test_an_energy_does_not_catch_the_mode_of_what_calls_it():
    """A chain inside a model's training step still runs in inference mode."""

    class Around(keras.Model):
        def __init__(self, energy):
            super().__init__()
            self.energy = energy

        def call(self, x, training=None):
            return self.energy(x)

    energy = with_state()
    x = points(energy)
    np.testing.assert_array_equal(Around(energy)(x, training=True), energy(x))
    # Asked for, it reaches the network through sums and temperatures.
    both = (energy + energy) / 2.0
    assert (both(x, training=True).numpy() != both(x).numpy()).any()


@pytest.mark.parametrize("shape", [(6, 4), (3, 3, 2, 5)])
def test_spectral_norm_keeps_the_largest_singular_value(shape):
    rng = np.random.default_rng(0)

    def largest(w):
        return np.linalg.svd(w.reshape(-1, shape[-1]))[1].max()

    for limit in (0.5, 1.0, 3.0):
        constraint = kc.energies.SpectralNorm(limit, iterations=200)
        large = 5 * rng.normal(size=shape).astype("f")
        shrunk = constraint(large).numpy()
        np.testing.assert_allclose(largest(shrunk), limit, rtol=1e-3)
        factors = shrunk / large
        np.testing.assert_allclose(factors, np.full(shape, factors.max()), rtol=1e-5)
        small = large * limit / largest(large) / 2
        np.testing.assert_array_equal(constraint(small), small)
        rough = largest(kc.energies.SpectralNorm(limit)(large).numpy())
        assert 0.99 * limit < rough < 1.1 * limit
    np.testing.assert_array_equal(constraint(np.zeros(shape, "f")), np.zeros(shape))
    again = keras.constraints.deserialize(keras.constraints.serialize(constraint))
    assert again.get_config() == {"limit": 3.0, "iterations": 200}


@pytest.mark.parametrize("name", ["mlp_spectral", "convnet_spectral"])
def test_spectral_norm_holds_before_and_after_an_update(name):
    energy = MAKERS[name]()
    optimizer = keras.optimizers.SGD(10.0)
    x = tf.constant(points(energy), tf.float32)

    def largest():
        kernels = [v.numpy() for v in energy.trainable_variables if "kernel" in v.path]
        return max(np.linalg.svd(k.reshape(-1, k.shape[-1]))[1].max() for k in kernels)

    assert largest() < 1.1
    before = energy(x)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(energy(x) ** 2)
    variables = energy.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    assert (energy(x).numpy() != before.numpy()).all()
    assert largest() < 1.1


def test_spectral_norm_is_the_same_on_two_replicas(two_devices):
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("f")

    def trained(energy, optimizer, run):
        variables = energy.trainable_variables

        def step():
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(energy(x) ** 2) / 2
            gradients = tape.gradient(loss, variables)
            replicas = tf.distribute.get_replica_context().num_replicas_in_sync
            gradients = [2 * g / replicas for g in gradients]
            optimizer.apply(gradients, variables)

        tf.function(lambda: run(step))()
        return [v.numpy() for v in variables]

    def parts():
        keras.utils.set_random_seed(0)
        optimizer = keras.optimizers.SGD(10.0)
        energy = MAKERS["mlp_spectral"]()
        optimizer.build(energy.trainable_variables)
        return energy, optimizer

    with two_devices.scope():
        two = parts()
    one = trained(*parts(), lambda step: step())
    for ours, theirs in zip(trained(*two, two_devices.run), one, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert np.linalg.svd(one[0])[1].max() < 1.1


def test_bad_input_is_named():
    dense, norm = keras.layers.Dense(1), keras.layers.BatchNormalization
    nested = network(network(norm(name="inner")), keras.layers.Dense(1))
    held = network(keras.layers.Reshape([1, 3]),
                   keras.layers.TimeDistributed(norm(name="inner")),
                   keras.layers.Flatten(), keras.layers.Dense(1))  # fmt: skip
    ours = network(kc.encoders.BatchNormalization(name="inner"), keras.layers.Dense(1))
    for net in (nested, held, ours):
        with pytest.raises(ValueError, match=r"`network`.*batch norm.*\['inner'\]"):
            kc.energies.NetworkEnergy(net)
    with pytest.raises(ValueError, match=r"`network`.*built.*Received: "):
        kc.energies.NetworkEnergy(keras.Sequential([dense]))
    with pytest.raises(TypeError, match=r"`network`.*Received: <function"):
        kc.energies.NetworkEnergy(lambda x: x)
    with pytest.raises(ValueError, match=r"`domain`.*Received: 'words'"):
        kc.energies.NetworkEnergy(network(dense), "words")
    with pytest.raises(ValueError, match=r"`network`.*\(batch, 1\).*Received: .*2"):
        kc.energies.NetworkEnergy(network(keras.layers.Dense(2)))
    with pytest.raises(ValueError, match=r"`x` must have shape \(batch, 3\)"):
        kc.energies.NetworkEnergy(network(keras.layers.Dense(1)))(np.ones([2, 4]))
    two = [keras.Input([2]), keras.Input([2])]
    with pytest.raises(ValueError, match=r"one input.*Received: "):
        kc.energies.NetworkEnergy(keras.Model(two, keras.layers.Dot(1)(two)))
    for limit in (0, -1, float("inf")):
        with pytest.raises(ValueError, match=r"`limit`.*Received: "):
            kc.energies.SpectralNorm(limit)
    with pytest.raises(ValueError, match=r"`iterations`.*Received: 0"):
        kc.energies.SpectralNorm(iterations=0)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: tf.reduce_sum(x),
        lambda x: tf.reduce_sum(x, axis=1, keepdims=True),
        lambda x: tf.reduce_sum(x, axis=0),
    ],
)
def test_an_energy_that_is_not_one_number_a_point_is_refused(call):
    class Wrong(kc.energies.Energy):
        def call(self, x):
            return call(x)

    with pytest.raises(ValueError, match=r"`Wrong`.*energies\[:, 0\].*Received: "):
        Wrong()(np.ones([2, 3], "f"))

    class Layer(keras.layers.Layer):
        def call(self, x):
            return call(x)

    layer = Layer()
    layer(np.ones([2, 3], "f"))
    if call(np.ones([2, 3])).shape != (2, 1):
        with pytest.raises(ValueError, match=r"Received: "):
            kc.energies.NetworkEnergy(layer)(np.ones([2, 3], "f"))


def test_a_first_kernel_as_steep_as_asked():
    energy = kc.energies.NetworkEnergy.mlp((2,), (500, 100), first_scale=2.0)
    kernels = [v.numpy() for v in energy.variables if v.path.endswith("kernel")]
    assert abs(kernels[0].std() / 2 - 1) < 5 / np.sqrt(2 * 1000)
    assert kernels[1].std() < 0.1
    with pytest.raises(ValueError, match=r"`first_scale`.*Received: 0"):
        kc.energies.NetworkEnergy.mlp((2,), first_scale=0)
