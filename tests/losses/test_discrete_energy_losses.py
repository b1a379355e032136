import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.reference import energy_losses as slow
from tests.reference import oracle

BITS = 6
STATES = oracle.states(BITS)


def machine(seed=0, dtype="float64", scale=0.5):
    """A Boltzmann machine with 21 parameters and its probabilities."""
    energy = kc.energies.BoltzmannMachine(BITS, dtype=dtype)
    rng = np.random.default_rng(seed)
    couplings, biases = scale * rng.normal(size=15), scale * rng.normal(size=BITS)
    matrix = np.zeros([BITS, BITS])
    matrix[np.triu_indices(BITS, 1)] = couplings
    energy.couplings.assign(matrix)
    energy.biases.assign(biases)
    energies = oracle.boltzmann_energy(couplings, biases, STATES)
    return energy, oracle.probabilities(energies)


def two_flips(x):
    """All pairs of neighbouring bits flipped: another connectivity, and mutual."""
    masks = tf.eye(BITS, dtype=x.dtype) + tf.roll(tf.eye(BITS, dtype=x.dtype), 1, 1)
    return x[:, None] + (1 - 2 * x[:, None]) * masks


LOSSES = {
    "pseudo_likelihood": kc.losses.pseudo_likelihood,
    "ratio_matching": kc.losses.ratio_matching,
    "mpf": kc.losses.minimum_probability_flow,
    "mpf_epsilon": lambda e, x: kc.losses.minimum_probability_flow(e, x, 0.3),
    "mpf_pairs": lambda e, x: kc.losses.minimum_probability_flow(
        e, x, neighbours=two_flips
    ),
}
FLIPS = [name for name in LOSSES if name != "mpf_pairs"]


def slow_loss(name, p, point):
    table = dict(zip(map(tuple, STATES), p, strict=True))
    if not name.startswith("mpf"):
        return getattr(slow, name)(table, point)
    near = [slow.flipped(point, i) for i in range(BITS)]
    if name == "mpf_pairs":
        near = [slow.flipped(other, (i + 1) % BITS) for i, other in enumerate(near)]
    epsilon = 0.3 if name == "mpf_epsilon" else 1.0
    return slow.minimum_probability_flow(table, point, epsilon, near)


@pytest.mark.parametrize("name", LOSSES)
def test_it_equals_the_slow_loop(name):
    energy, p = machine(scale=1.5)
    ours = LOSSES[name](energy, STATES)
    assert ours.dtype == tf.float64
    expected = [slow_loss(name, p, tuple(point)) for point in STATES]
    np.testing.assert_allclose(ours, expected, rtol=1e-9)
    single = LOSSES[name](machine(dtype="float32", scale=1.5)[0], STATES)
    assert single.dtype == tf.float32
    np.testing.assert_allclose(single, expected, rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("seed", range(3))
def test_its_optimum_is_at_the_truth(name, seed):
    """Of all states, each other's neighbours: none may be left out."""
    energy, p = machine(seed)

    def gradient():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(p * LOSSES[name](energy, STATES))
        parts = tape.gradient(loss, energy.trainable_variables)
        return np.concatenate([np.ravel(part) for part in parts])

    assert np.abs(gradient()).max() < 1e-6
    energy.biases.assign_add(np.full(BITS, 0.1))
    # And nowhere near it, or a loss of 0 would pass.
    assert np.abs(gradient()).max() > 1e-3


@pytest.mark.parametrize("name", LOSSES)
def test_a_constant_changes_nothing(name):
    energy, _ = machine()

    class Shifted(kc.energies.Energy):
        domain, event_shape = "bits", (BITS,)

        def call(self, x):
            return energy(x) + 3.0

    expected = LOSSES[name](energy, STATES)
    # Nor does the generic evaluation of flips.
    ours = LOSSES[name](Shifted(dtype="float64"), STATES)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


@pytest.mark.parametrize("name", FLIPS)
@pytest.mark.parametrize("size", [1e2, 1e4])
def test_it_is_finite_where_flips_cost_much(name, size):
    energy, _ = machine(dtype="float32", scale=0.0)
    energy.biases.assign([size, -size] * 3)
    with tf.GradientTape() as tape:
        loss = LOSSES[name](energy, STATES)
        total = tf.reduce_mean(loss)
    gradients = tape.gradient(total, energy.trainable_variables)
    assert np.isfinite(loss).all()
    for gradient in gradients:
        assert np.isfinite(gradient).all()
        assert np.isfinite(tf.square(tf.linalg.global_norm([gradient])))
    # The likeliest point has the least loss, and the unlikeliest the greatest.
    best = STATES.tolist().index([1, 0] * 3)
    assert np.argmin(loss) == best
    assert np.argmax(loss) == STATES.tolist().index([0, 1] * 3)
    # Ratio matching alone is flat there, being bounded.
    flat = tf.reduce_max(tf.abs(gradients[1])) == 0
    assert flat == (name == "ratio_matching")


def test_the_flow_is_exact_up_to_its_tangent():
    energy = kc.energies.BoltzmannMachine(1, dtype="float64")
    for bias, expected in [
        (59.0, np.exp(29.5)),
        (60.0, np.exp(30)),
        (64.0, np.exp(30) * 3),
    ]:
        energy.biases.assign([bias])
        flow = kc.losses.minimum_probability_flow(energy, [[0.0]])
        np.testing.assert_allclose(flow, [expected], rtol=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_xla_gives_the_same_loss_and_gradient(name):
    energy, _ = machine(dtype="float32")

    def both():
        with tf.GradientTape() as tape:
            loss = LOSSES[name](energy, STATES)
        return loss, *tape.gradient(loss, energy.trainable_variables)

    for ours, theirs in zip(tf.function(both, jit_compile=True)(), both(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4)


def test_bad_input_is_named():
    energy, _ = machine()
    reals = kc.energies.RBM(BITS, 2, "gaussian")
    for name in FLIPS:
        with pytest.raises(ValueError, match=r"`energy`.*bits.*Received: RBM"):
            LOSSES[name](reals, STATES)
        with pytest.raises(TypeError, match=r"`energy`.*NetworkEnergy.*Received: "):
            LOSSES[name](lambda x: x, STATES)
        with pytest.raises(ValueError, match=r"`x` must have shape.*Received: "):
            LOSSES[name](energy, STATES[:, :4])
    for epsilon in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=r"`epsilon`.*Received: "):
            kc.losses.minimum_probability_flow(energy, STATES, epsilon)
    with pytest.raises(ValueError, match=r"`neighbours`.*Received: \(64, 6\)"):
        kc.losses.minimum_probability_flow(energy, STATES, neighbours=lambda x: x)
    with pytest.raises(TypeError, match="`energy`"):
        kc.losses.minimum_probability_flow(None, STATES, neighbours=two_flips)
