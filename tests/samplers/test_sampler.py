"""What every sampler keeps."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc


def network():
    """An energy of images, with a layer whose statistics sampling must not touch."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input([3, 3, 1])
    x = keras.layers.Conv2D(4, 2, activation="swish")(inputs)
    outputs = keras.layers.Dense(1)(keras.layers.Flatten()(x))
    model = keras.Model(inputs, outputs)

    class Network(kc.energies.Energy):
        event_shape = (3, 3, 1)

        def __init__(self, domain, **kwargs):
            super().__init__(**kwargs)
            self.domain = domain
            self.model = model

        def call(self, x):
            self.traces = getattr(self, "traces", 0) + 1
            return self.model(x)[:, 0]

    return Network


SAMPLERS = {
    "Langevin": kc.samplers.Langevin(0.05, 0.7, clip=2.0, bounds=(-3, 3), seed=1),
    "MALA": kc.samplers.MALA(0.05, seed=1),
    "Metropolis": kc.samplers.Metropolis(0.3, seed=1),
    "Metropolis of bits": kc.samplers.Metropolis(seed=1),
    "Gibbs": kc.samplers.Gibbs(scan="random", seed=1),
    "Gibbs with gradients": kc.samplers.GibbsWithGradients(seed=1),
}


@pytest.fixture(params=SAMPLERS)
def case(request):
    sampler = type(SAMPLERS[request.param]).from_config(
        SAMPLERS[request.param].get_config()
    )
    domain = "bits" if sampler.domain == "bits" else "reals"
    if request.param in ("Gibbs", "Metropolis of bits"):
        domain = "bits"
    energy = network()(domain)
    rng = np.random.default_rng(0)
    return sampler, energy, rng.integers(0, 2, [5, 3, 3, 1]).astype(np.float32)


def test_no_step_goes_nowhere(case):
    sampler, energy, x = case
    for steps in (0, tf.constant(0)):
        np.testing.assert_array_equal(sampler(energy, x, steps), x)
    graph = tf.function(lambda x: sampler(energy, x, 0), autograph=False)
    np.testing.assert_array_equal(graph(x), x)


def test_the_same_seed_walks_the_same_way_in_graphs_and_under_xla(case):
    sampler, energy, x = case

    def walk(x):
        return sampler(energy, x, 4, seed=[1, 2])

    first = sampler(energy, x, 4, seed=[1, 2])
    assert first.shape == x.shape
    assert first.dtype == tf.float32
    other = sampler(energy, x, 4, seed=[1, 3])
    assert np.abs(first - other).max() > 1e-3
    graph = tf.function(walk, autograph=False)
    compiled = tf.function(walk, autograph=False, jit_compile=True)
    np.testing.assert_allclose(first, graph(x), atol=1e-5)
    np.testing.assert_allclose(first, compiled(x), atol=1e-5)


def test_batches_need_no_fixed_size(case):
    sampler, energy, x = case
    signature = [tf.TensorSpec([None, *x.shape[1:]]), tf.TensorSpec([], tf.int64)]

    @tf.function(input_signature=signature, autograph=False)
    def walk(x, steps):
        return sampler(energy, x, steps, seed=[1, 2])

    ends = walk(x, tf.constant(3, tf.int64))
    np.testing.assert_allclose(ends, sampler(energy, x, 3, seed=[1, 2]), atol=1e-5)


def test_calls_without_a_seed_follow_the_sampler_s(case):
    sampler, energy, x = case
    again = type(sampler).from_config(sampler.get_config())
    ours = [sampler(energy, x, 3).numpy() for _ in range(2)]
    theirs = [again(energy, x, 3).numpy() for _ in range(2)]
    # Not to the bit: threads of a convolution add in any order.
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert np.abs(ours[0] - ours[1]).max() > 1e-3


def test_the_chain_goes_the_way_of_a_call_and_keeps_each_record(case):
    sampler, energy, x = case
    chain = sampler.chain(energy, x, 6, seed=[1, 2], thin=2)
    assert chain.samples.shape == (3, *x.shape)
    assert chain.energies.shape == (3, 5)
    assert chain.acceptance.shape == (6,)
    for record, samples in enumerate(chain.samples):
        walk = sampler.walk(energy, x, 2 * record + 2, seed=[1, 2])
        np.testing.assert_allclose(samples, walk.points, atol=1e-5)
        np.testing.assert_allclose(
            chain.energies[record], energy(samples), rtol=1e-5, atol=1e-5
        )
    share = tf.reduce_mean(chain.acceptance)
    np.testing.assert_allclose(share, walk.acceptance, atol=1e-6)


def test_one_step_needs_no_loop_and_is_the_first_of_many(case):
    sampler, energy, x = case
    one = tf.function(
        lambda x: sampler.walk(energy, x, 1, seed=[1, 2]), autograph=False
    ).get_concrete_function(x)
    chain = sampler.chain(energy, x, 2, seed=[1, 2])
    points, acceptance = one(x)
    np.testing.assert_allclose(points, chain.samples[0], atol=1e-5)
    np.testing.assert_allclose(acceptance, chain.acceptance[0], atol=1e-6)
    loops = [o.type for o in one.graph.get_operations() if "While" in o.type]
    # A sweep over single bits is one by itself.
    assert len(loops) == isinstance(sampler, kc.samplers.Gibbs)


def test_a_step_evaluates_the_energy_once(case):
    """What is traced once in the loop runs once a step, and the start once a walk."""
    sampler, energy, x = case
    sampler(energy, x, 2)
    start = 0 if isinstance(sampler, kc.samplers.Langevin) else 1
    assert energy.traces == start + 1
    sampler.chain(energy, x, 2)
    # Langevin computes the energy where it steps from, and not where to.
    assert energy.traces - start - 1 == start + 1 + (1 - start)


def test_it_is_traced_once_however_many_steps(case):
    sampler, energy, x = case
    sampler(energy, x, 2)
    sampler.chain(energy, x, 2)
    traces = energy.traces
    for steps in (1, np.int64(5), tf.constant(9), tf.constant(2, tf.int64)):
        sampler(energy, x, steps)
    for steps, thin in ((4, 2), (3, 1)):
        sampler.chain(energy, x, steps, thin=thin)
    assert energy.traces == traces


def test_a_setting_that_changes_is_heeded():
    sampler, energy = (
        kc.samplers.Langevin(0.1, 0.0),
        kc.energies.Gaussian([0.0], [[1.0]]),
    )
    x = np.ones([1, 1])
    np.testing.assert_allclose(sampler(energy, x, 1), [[0.9]], atol=1e-6)
    sampler.step_size = 0.2
    np.testing.assert_allclose(sampler(energy, x, 1), [[0.8]], atol=1e-6)


def test_weights_that_change_are_heeded(case):
    sampler, energy, x = case
    first = sampler(energy, x, 3, seed=[1, 2])
    for weight in energy.weights:
        weight.assign(weight + 3.0)
    assert np.abs(first - sampler(energy, x, 3, seed=[1, 2])).max() > 1e-3


def test_an_energy_is_let_go():
    sampler, energy = kc.samplers.Gibbs(), kc.energies.BoltzmannMachine(2)
    sampler(energy, np.zeros([1, 2]), 1)
    assert len(sampler._traced) == 1
    alive = weakref.ref(energy)
    del energy
    gc.collect()
    assert alive() is None
    assert len(sampler._traced) == 0


def test_the_chain_compiles():
    sampler, energy = kc.samplers.MALA(0.1), kc.energies.Gaussian([0.0], [[1.0]])

    def chain(x):
        return sampler.chain(energy, x, 6, seed=[1, 2], thin=2)

    x = tf.ones([3, 1])
    compiled = tf.function(chain, autograph=False, jit_compile=True)(x)
    for ours, theirs in zip(chain(x), compiled, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_it_changes_no_weight_and_lets_no_gradient_through(case):
    sampler, energy, x = case
    before = [w.numpy() for w in energy.weights]
    with tf.GradientTape() as tape:
        x = tf.Variable(x)
        ends = sampler(energy, x, 3, seed=[1, 2])
        total = tf.reduce_sum(ends)
    gradients = tape.gradient(total, [x, *energy.trainable_variables])
    assert all(gradient is None for gradient in gradients)
    for old, new in zip(before, energy.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_half_precision_leaves_the_walk_in_float32(case):
    sampler, energy, x = case
    keras.config.set_dtype_policy("mixed_float16")
    energy = network()(energy.domain)
    ends = sampler(energy, x, 3, seed=[1, 2])
    assert ends.dtype == tf.float32
    assert np.isfinite(ends).all()


def test_it_is_serialised(case):
    sampler, energy, x = case
    config = keras.saving.serialize_keras_object(sampler)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == sampler.get_config()
    np.testing.assert_allclose(
        again(energy, x, 3, seed=[1, 2]), sampler(energy, x, 3, seed=[1, 2]), atol=1e-5
    )


def test_bad_input_is_refused(case):
    sampler, energy, x = case
    for steps in (-1, 1.5, "2", None, True, tf.constant(-1), tf.constant(1.0)):
        with pytest.raises(ValueError, match=r"`steps`.*Received: "):
            sampler(energy, x, steps)
    computed = tf.function(lambda n: sampler(energy, x, n, seed=[1, 2]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`steps`.*Received"):
        computed(tf.constant(-1))
    for seed in (3, [1, 2, 3], [0.5, 1.0]):
        with pytest.raises(ValueError, match=r"`seed`.*Received: "):
            sampler(energy, x, 1, seed=seed)
    with pytest.raises(ValueError, match=r"`x` must have shape.*Received: \(5, 9\)"):
        sampler(energy, x.reshape(5, 9), 1)
    with pytest.raises(TypeError, match=r"`energy` must be .*Received: "):
        sampler(lambda x: x, x, 1)
    for steps, thin in ((5, 2), (0, 1), (4, 0)):
        with pytest.raises(ValueError, match=r"`(steps|thin)`.*Received: "):
            sampler.chain(energy, x, steps, thin=thin)


def test_sampling_leaves_the_optimizer_alone():
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    net.compile(keras.optimizers.Adam(), "mse")
    net.fit(np.ones([4, 3]), np.ones([4, 1]), verbose=0)
    before = [v.numpy() for v in net.optimizer.variables]
    kc.samplers.MALA(0.1)(kc.energies.NetworkEnergy(net), np.ones([4, 3]), 5)
    for old, new in zip(before, net.optimizer.variables, strict=True):
        np.testing.assert_array_equal(old, new)


def test_all_samplers_are_here():
    # What walks on autoencoders alone has tests of its own.
    others = {"Sampler", "Walk", "Chain", "Denoised", "denoise"}
    of_autoencoders = {"WalkBack", "DenoisingLangevin"}
    concrete = set(kc.samplers.__all__) - others - of_autoencoders
    assert {type(sampler).__name__ for sampler in SAMPLERS.values()} == concrete
