import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import keras_contrastive as kc


def buffer(**options):
    options = {"size": 10, "shape": [2, 3], "seed": 1} | options
    return kc.memory.ParticleBuffer(**options)


def test_particles_return_to_their_own_slots():
    particles = buffer()
    before = particles.particles.numpy()
    slots, drawn = particles.draw(4, seed=[1, 2])
    np.testing.assert_array_equal(drawn, before[slots.numpy()])
    # In another order than they came.
    particles.write(slots[::-1], drawn[::-1] + 1)
    expected = before.copy()
    expected[slots.numpy()] += 1
    np.testing.assert_array_equal(particles.particles, expected)
    ages = np.zeros(10)
    ages[slots.numpy()] = 1
    np.testing.assert_array_equal(particles.ages, ages)


def test_a_draw_has_no_slot_twice_and_favours_none():
    particles = buffer(size=7)
    counts = np.zeros(7)
    draw = tf.function(lambda seed: particles.draw(3, seed=seed)[0], autograph=False)
    for step in range(400):
        slots = draw(tf.constant([step, 5])).numpy()
        assert len(set(slots)) == 3
        counts[slots] += 1
    # Three slots a draw are not independent, which makes the counts vary less.
    assert scipy.stats.chisquare(counts).pvalue > 1e-4
    assert set(particles.draw(7)[0].numpy()) == set(range(7))


def test_the_first_particles_are_what_they_should_be():
    for options, low, high in (
        ({"domain": "bits"}, 0, 1),
        ({"start": "uniform"}, 0, 1),
        ({}, -6, 6),
    ):
        values = buffer(size=2000, **options).particles.numpy()
        assert values.min() >= low
        assert values.max() <= high
        mean = 0.0 if low < 0 else 0.5
        assert abs(values.mean() - mean) < 0.05
        if options == {"domain": "bits"}:
            assert set(np.unique(values)) == {0, 1}
    first = buffer(seed=1).particles.numpy()
    np.testing.assert_array_equal(first, buffer(seed=1).particles)
    assert (first != buffer(seed=2).particles.numpy()).all()
    assert len(np.unique(first)) == first.size


def test_as_many_begin_anew_as_was_said_and_are_young_again():
    particles = buffer(size=4000, shape=[1], reinitialise=0.25)
    before = particles.particles.numpy()
    for _ in range(3):
        slots, drawn = particles.draw(4000)
        particles.write(slots, drawn)
    ages = particles.ages.numpy()
    expected = 4000 * np.array([0.25, 0.75 * 0.25, 0.75**2 * 0.25, 0.75**3])
    counts = np.bincount(ages, minlength=4)
    assert scipy.stats.chisquare(counts, expected).pvalue > 1e-4
    kept = particles.particles.numpy() == before
    np.testing.assert_array_equal(kept[:, 0], ages == 3)


def test_a_draw_alone_changes_nothing():
    particles = buffer(reinitialise=1.0)
    before = particles.particles.numpy()
    particles.draw(10)
    np.testing.assert_array_equal(particles.particles, before)


def test_values_keep_their_precision_under_half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    particles = buffer(size=2, shape=[1])
    value = np.float32(1 + 2**-20)
    particles.write(tf.constant([0, 1]), [[value], [2e5]])
    np.testing.assert_array_equal(particles.particles, [[value], [2e5]])


def test_a_step_in_a_graph_reads_before_it_writes():
    particles = buffer()

    @tf.function
    def step(seed):
        slots, drawn = particles.draw(4, seed=seed)
        particles.write(slots, drawn + 1)
        return slots, drawn

    for number in range(3):
        old_ages = particles.ages.numpy()
        slots, drawn = step(tf.constant([number, 7]))
        after = particles.particles.numpy()[slots.numpy()]
        np.testing.assert_array_equal(after, drawn + 1)
        rest = np.setdiff1d(np.arange(10), slots)
        np.testing.assert_array_equal(particles.ages.numpy()[rest], old_ages[rest])


def test_it_is_saved_with_its_particles_and_ages(tmp_path):
    particles = buffer()
    slots, drawn = particles.draw(4)
    particles.write(slots, drawn * 2)
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.buffer = particles
    model.save_weights(tmp_path / "a.weights.h5")
    other = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    other.buffer = buffer(seed=9)
    other.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(other.buffer.particles, particles.particles)
    np.testing.assert_array_equal(other.buffer.ages, particles.ages)
    again = kc.memory.ParticleBuffer.from_config(particles.get_config())
    assert again.get_config() == particles.get_config()


def test_a_draw_costs_what_it_takes():
    """No operation of a step has the whole buffer for an input or an output."""
    particles = buffer(size=50_000, shape=[4], reinitialise=0.5)

    @tf.function
    def step():
        slots, drawn = particles.draw(8, seed=[1, 2])
        particles.write(slots, drawn)

    graph = step.get_concrete_function().graph
    sizes = [
        tensor.shape.num_elements() or 0
        for operation in graph.get_operations()
        for tensor in operation.outputs
        if tensor.shape.is_fully_defined()
    ]
    assert max(sizes) < 1000


def test_a_particle_that_overflowed_leaves_its_slot():
    particles = buffer()
    before = particles.particles.numpy()
    moved = tf.tensor_scatter_nd_update(
        tf.ones([3, 2, 3]), [[0, 1, 2], [2, 0, 0]], [np.nan, np.inf]
    )
    particles.write(tf.constant([4, 5, 6]), moved)
    np.testing.assert_array_equal(particles.particles.numpy()[[4, 6]], before[[4, 6]])
    np.testing.assert_array_equal(particles.particles[5], np.ones([2, 3]))
    np.testing.assert_array_equal(particles.ages.numpy()[4:7], [0, 1, 0])


def test_particles_whose_sum_overflows_are_written():
    buffer = kc.memory.ParticleBuffer(2, [3], seed=0)
    buffer.write(tf.range(2), np.full([2, 3], 3e38, "float32"))
    np.testing.assert_array_equal(buffer.particles, np.full([2, 3], 3e38, "float32"))
    assert buffer.ages.numpy().tolist() == [1, 1]


def test_replicas_move_different_particles_of_one_buffer(two_devices):
    with two_devices.scope():
        shared = buffer(reinitialise=0.3)
    alone = buffer(reinitialise=0.3)

    @tf.function
    def step(seed):
        slots, everyone = shared.draw(6, seed=seed)
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        own = everyone[3 * replica :][:3] * 2
        shared.write(slots, kc.distribute.all_gather(own), seed=seed)
        return slots[3 * replica :][:3]

    for number in range(4):
        seed = tf.constant([number, 3])
        mine = two_devices.experimental_local_results(
            two_devices.run(step, args=(seed,))
        )
        assert len(set(np.concatenate(mine))) == 6
        slots, drawn = alone.draw(6, seed=seed)
        np.testing.assert_array_equal(np.concatenate(mine), slots)
        alone.write(slots, drawn * 2, seed=seed)
    for ours, theirs in zip(shared.variables, alone.variables, strict=True):
        if ours.path.endswith("seed_generator_state"):
            continue
        for copy in two_devices.experimental_local_results(ours.value):
            np.testing.assert_array_equal(copy, theirs)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: buffer(size=0), "`size`"),
        (lambda: buffer(shape=[2, -1]), "`shape`"),
        (lambda: buffer(domain="ints"), "`domain`"),
        (lambda: buffer(start="zeros"), "`start`"),
        (lambda: buffer(domain="bits", start="normal"), "`start`"),
        (lambda: buffer(reinitialise=1.5), "`reinitialise`"),
        (lambda: buffer().draw(11), "`count`"),
        (lambda: buffer().draw(0), "`count`"),
        (lambda: buffer().write(tf.constant([0, 1]), tf.zeros([2, 3])), "`particles`"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=f"{words}.*Received: "):
        call()
