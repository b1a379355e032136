"""What every energy keeps to."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.energies import zoo
from tests.reference import energy_losses

ABSTRACT = {"AutoencoderEnergy", "Energy", "Density"}
# No energies over points alone: a pair, tested by itself, and a constraint.
OTHERS = {"PairEnergy", "SpectralNorm"}


def test_every_energy_is_in_the_zoo():
    made = {type(make()).__name__ for make in zoo.MODELS.values()}
    public = {name for name in kc.energies.__all__ if isinstance(of(name), type)}
    assert public - ABSTRACT - OTHERS == made


def of(name):
    return getattr(kc.energies, name)


@pytest.mark.parametrize("name", zoo.MODELS)
def test_one_number_a_point_each_by_itself(name):
    energy = zoo.MODELS[name]()
    x = zoo.points(energy)
    energies = energy(x)
    assert energies.shape == (6,)
    assert energies.dtype == tf.float32
    alone = [energy(x[i : i + 1])[0] for i in range(6)]
    np.testing.assert_allclose(energies, alone, rtol=1e-5, atol=1e-6)
    assert len(set(np.round(energies, 4))) > 1 or name == "Uniform"
    integers = np.ones([2, *energy.event_shape], "uint8")
    np.testing.assert_allclose(energy(integers), energy(integers.astype("f")))
    if "Network" not in name:  # Keras's Flatten fails on a batch of none.
        assert energy(x[:0]).shape == (0,)


@pytest.mark.parametrize("name", zoo.MODELS)
def test_the_score_is_minus_the_slope(name):
    energy = zoo.MODELS[name](dtype="float64")
    x = zoo.points(energy, 2)
    energies, score = energy.energy_and_score(x)
    np.testing.assert_array_equal(energies, energy(x))
    np.testing.assert_array_equal(score, energy.score(x))
    assert score.dtype == tf.float64
    for point, ours in zip(x, score, strict=True):
        slope = energy_losses.gradient(
            lambda flat: energy(flat.reshape(1, *energy.event_shape))[0].numpy(),
            point.ravel(),
        )
        np.testing.assert_allclose(-np.ravel(ours), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", zoo.BITS)
def test_flips_are_differences_of_energies(name):
    energy = zoo.MODELS[name](dtype="float64")
    x = zoo.points(energy)
    ours = energy.flip_differences(x)
    d = int(np.prod(energy.event_shape))
    assert ours.shape == (6, d)
    one = energy.site_differences()
    assert (one is not None) == (name in ("BoltzmannMachine", "Bernoulli"))
    for site in range(d):
        flipped = x.reshape(6, d).copy()
        flipped[:, site] = 1 - flipped[:, site]
        expected = energy(flipped.reshape(x.shape)) - energy(x)
        np.testing.assert_allclose(ours[:, site], expected, rtol=1e-9, atol=1e-10)
        if one is not None:
            alone = one(x, tf.constant(site))
            np.testing.assert_allclose(alone, expected, rtol=1e-9, atol=1e-10)
    single = zoo.MODELS[name]()
    if not single.trainable_variables or "Network" not in name:
        np.testing.assert_allclose(single.flip_differences(x), ours, atol=2e-5)


@pytest.mark.parametrize("name", zoo.MODELS)
def test_xla_and_graphs_give_the_same(name):
    energy = zoo.MODELS[name]()
    x = tf.constant(zoo.points(energy), tf.float32)

    def everything(x):
        flips = [energy.flip_differences(x)] if energy.domain == "bits" else []
        return [*energy.energy_and_score(x), *flips]

    unknown = tf.TensorSpec([None, *energy.event_shape])
    for compiled in (
        tf.function(everything, jit_compile=True),
        tf.function(everything, input_signature=[unknown]),
    ):
        for ours, theirs in zip(compiled(x), everything(x), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_no_policy_makes_energies_coarse(policy):
    expected = {name: make() for name, make in zoo.MODELS.items() if "Net" not in name}
    keras.config.set_dtype_policy(policy)
    for name, single in expected.items():
        energy = zoo.MODELS[name]()
        x = zoo.points(energy)
        assert energy(x).dtype == tf.float32
        assert all(v.dtype == "float32" for v in energy.variables)
        np.testing.assert_array_equal(energy(x), single(x))
        np.testing.assert_array_equal(energy.score(x), single.score(x))


@pytest.mark.parametrize("name", zoo.MODELS)
def test_gradients_reach_the_weights_through_energy_score_and_flips(name):
    energy = zoo.MODELS[name]()
    x = zoo.points(energy)
    read = [lambda: energy(x)]
    if energy.domain == "bits":
        read.append(lambda: energy.flip_differences(x))
    if not name.startswith("NetworkEnergy"):
        assert len(energy.non_trainable_variables) == 0
    if isinstance(energy, (kc.energies.Density, kc.energies.DoubleWell)):
        assert energy.variables == []
        return
    for values in read:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(values() ** 2)
        gradients = tape.gradient(loss, energy.trainable_variables)
        # A constant in the energy has no part in a difference.
        assert all(g is not None for g in gradients)
        assert sum(np.abs(g).max() > 0 for g in gradients) >= len(gradients) - 1
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(energy.score(x) ** 2)
    gradients = tape.gradient(loss, energy.trainable_variables)
    kernel = max((g for g in gradients if g is not None), key=lambda g: np.abs(g).max())
    assert np.abs(kernel).max() > 0


@pytest.mark.parametrize("name", zoo.MODELS)
def test_the_configuration_makes_another(name):
    energy = zoo.MODELS[name](name="mine", dtype="float64")
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(energy)
    )
    assert type(again) is type(energy)
    assert again.get_config() == energy.get_config()
    again.set_weights(energy.get_weights())
    x = zoo.points(energy)
    np.testing.assert_array_equal(again(x), energy(x))
    assert again(x).dtype == tf.float64
    assert (again.name, again.domain) == ("mine", energy.domain)
    assert again.temperature == energy.temperature


def test_all_load_in_a_fresh_process(tmp_path):
    """One process for all, as it is the import that takes the time."""
    for i, (name, make) in enumerate(zoo.MODELS.items()):
        energy = make()
        dtype = "float32" if i % 2 else "uint8"  # Bits come as integers, too.
        inputs = keras.Input(energy.event_shape, dtype=dtype)
        keras.Model(inputs, energy(inputs)).save(tmp_path / f"{name}.keras")
        x = np.abs(zoo.points(energy)).astype(dtype)
        np.savez(tmp_path / f"{name}.npz", x=x, energies=energy(x))
    code = """
import pathlib, sys
import keras, numpy as np
import keras_contrastive
for path in pathlib.Path(sys.argv[1]).glob("*.keras"):
    held = np.load(path.with_suffix(".npz"))
    model = keras.saving.load_model(path)
    np.testing.assert_array_equal(model(held["x"]), held["energies"], str(path))
    print(path.stem)
"""
    root = pathlib.Path(kc.__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root), "CUDA_VISIBLE_DEVICES": ""},
    )
    assert run.returncode == 0, run.stderr
    assert sorted(run.stdout.split()) == sorted(zoo.MODELS)


@pytest.mark.parametrize("name", zoo.MODELS)
def test_another_shape_is_refused(name):
    energy = zoo.MODELS[name]()
    wrong = np.zeros([2, *energy.event_shape[:-1], 7])
    with pytest.raises(ValueError, match=r"`x` must have shape.*Received: .*7\)"):
        energy(wrong)
    with pytest.raises(ValueError, match=r"`x` must have shape.*Received: "):
        energy.score(wrong[0])
