import warnings

import keras
import numpy as np
import pytest

import keras_contrastive as kc


def points(count=64):
    return np.random.default_rng(0).integers(0, 2, [count, 6]).astype(np.float32)


def test_the_logs_say_how_data_samples_and_particles_stand():
    model = kc.models.PersistentContrastiveDivergence(
        kc.energies.RBM(6, 3, seed=0), kc.samplers.Gibbs(), particles=32, seed=0
    )
    model.compile(keras.optimizers.SGD(0.1))
    held_out = points(20)
    monitor = kc.callbacks.EnergyMonitor(held_out, every=2)
    history = model.fit(
        points(), batch_size=32, epochs=4, callbacks=[monitor], verbose=0
    ).history
    np.testing.assert_allclose(
        history["energy_gap"],
        np.subtract(history["sample_energy"], history["data_energy"]),
    )
    # Two steps an epoch move all 32 of them.
    assert history["particle_age_mean"] == [2.0, 4.0, 6.0, 8.0]
    assert history["particle_age_max"] == [2.0, 4.0, 6.0, 8.0]
    assert np.isnan(history["held_out_energy"]).tolist() == [True, False, True, False]
    last = float(np.mean(model.energy(held_out)))
    np.testing.assert_allclose(history["held_out_energy"][-1], last, rtol=1e-5)
    np.testing.assert_allclose(
        history["held_out_gap"][-1], last - history["data_energy"][-1], rtol=1e-5
    )


@pytest.mark.parametrize(("stddev", "warned"), [(1e4, True), (0.3, False)])
def test_chains_that_stand_still_are_warned_of_once(stddev, warned):
    model = kc.models.ContrastiveDivergence(
        kc.energies.NetworkEnergy(
            keras.Sequential(
                [
                    keras.Input([2]),
                    keras.layers.Lambda(lambda x: x * x),
                    keras.layers.Dense(1, kernel_initializer="ones"),
                ]
            )
        ),
        kc.samplers.Metropolis(stddev),
        steps=5,
        seed=0,
    )
    model.compile(keras.optimizers.SGD(0.0))
    x = np.random.default_rng(0).normal(size=[32, 2]).astype(np.float32)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(x, epochs=3, callbacks=[kc.callbacks.EnergyMonitor()], verbose=0)
    ours = [w for w in caught if issubclass(w.category, kc.callbacks.EnergyWarning)]
    assert len(ours) == warned


def test_methods_without_samples_are_watched_too():
    model = kc.models.PseudoLikelihood(kc.energies.BoltzmannMachine(6), seed=0)
    model.compile("sgd")
    monitor = kc.callbacks.EnergyMonitor(points(8))
    history = model.fit(points(), callbacks=[monitor], verbose=0).history
    assert np.isfinite(history["held_out_energy"]).all()
    assert "energy_gap" not in history


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"`every`.*Received: 0"):
        kc.callbacks.EnergyMonitor(every=0)
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"`EnergyMonitor`.*Received: Sequential"):
        model.fit(
            np.zeros([4, 2]),
            np.zeros([4, 1]),
            callbacks=[kc.callbacks.EnergyMonitor()],
            verbose=0,
        )
