"""What every energy model keeps."""

import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.contracts import energy_zoo as zoo
from tests.contracts.test_models import assert_same, state
from tests.reference import estimation


def make(name, learning_rate=0.02, **compiled):
    keras.utils.set_random_seed(1)
    model = zoo.MODELS[name]()
    model.compile(keras.optimizers.SGD(learning_rate, momentum=0.9), **compiled)
    return model


@pytest.fixture(params=zoo.MODELS)
def name(request):
    return request.param


def test_it_learns_and_is_traced_once(name):
    model = make(name)
    traces = 0
    step = model.train_step

    def counted(data):
        nonlocal traces
        traces += 1
        return step(data)

    model.train_step = counted
    exact = kc.models.MaximumLikelihood(model.energy, (-4, 4), nodes=80, seed=0)
    exact.compile()
    points = zoo.points(name)
    before = exact.evaluate(points, verbose=0, return_dict=True)["loss"]
    model.fit(zoo.dataset(name), epochs=40, verbose=0)
    after = exact.evaluate(points, verbose=0, return_dict=True)["loss"]
    assert traces == 1
    if name in zoo.WITHOUT_LIKELIHOOD:
        # Nearer to the data all the same: lower there than where there are none.
        away = np.array([[-3.5, 3.5], [3.5, -3.5]], np.float32)
        assert model.energy(points).numpy().mean() < model.energy(away).numpy().min()
    else:
        assert after < before - 0.1


@pytest.mark.parametrize("name", sorted(set(zoo.MODELS) - zoo.WITH_OWN_NOISE))
def test_two_replicas_equal_one(name, two_devices):
    alone = make(name)
    history = alone.fit(zoo.dataset(name), epochs=2, verbose=0).history
    with two_devices.scope():
        shared = make(name)
    other = shared.fit(zoo.dataset(name), epochs=2, verbose=0).history
    assert_same(state(alone), state(shared), 1e-5)
    for key, values in history.items():
        np.testing.assert_allclose(values, other[key], atol=1e-5, err_msg=key)
    results = [
        model.evaluate(zoo.dataset(name), verbose=0, return_dict=True)
        for model in (alone, shared)
    ]
    for key, value in results[0].items():
        np.testing.assert_allclose(value, results[1][key], atol=1e-5, err_msg=key)


@pytest.mark.parametrize("name", sorted(zoo.WITH_OWN_NOISE))
def test_replicas_draw_apart_and_end_with_the_same_weights(name, two_devices):
    with two_devices.scope():
        shared = make(name)
    shared.fit(zoo.dataset(name), epochs=2, verbose=0)
    for variable in shared.trainable_variables:
        copies = two_devices.experimental_local_results(variable.value)
        np.testing.assert_array_equal(copies[0], copies[1])
    if name == "Persistent":
        # The same weights move both halves: only other draws tell them apart.
        particles = shared.buffer.particles.numpy()
        assert (particles[:16] != particles[16:32]).any()
        copies = two_devices.experimental_local_results(shared.buffer.particles.value)
        np.testing.assert_array_equal(copies[0], copies[1])


def test_a_compiled_step_equals_the_plain_one(name):
    plain, compiled = make(name, jit_compile=False), make(name, jit_compile=True)
    for model in (plain, compiled):
        model.fit(zoo.dataset(name).take(2), verbose=0)
    assert_same(state(plain), state(compiled), 1e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_energies_stay_in_float32_under_half_precision(name, policy):
    single = make(name)
    before = single.evaluate(zoo.dataset(name), verbose=0, return_dict=True)["loss"]
    losses = single.fit(zoo.dataset(name), verbose=0).history["loss"]
    keras.config.set_dtype_policy(policy)
    half = make(name)
    other = half.evaluate(zoo.dataset(name), verbose=0, return_dict=True)["loss"]
    if name in zoo.IN_THE_POLICY_S_PRECISION:
        np.testing.assert_allclose(other, before, rtol=0.02)
        losses = half.fit(zoo.dataset(name), epochs=2, verbose=0).history["loss"]
        assert max(losses) < 1.5 * before
        # float16 may skip the first step, to find its loss scale.
        assert half.optimizer.iterations.numpy() >= 7
        return
    other = half.fit(zoo.dataset(name), verbose=0).history["loss"]
    assert half.optimizer.iterations.numpy() == half.step.numpy() == 4
    np.testing.assert_allclose(other, losses, rtol=1e-3, atol=1e-4)


def test_the_same_seed_gives_the_same_run(name):
    first, second = (make(name) for _ in range(2))
    for model in (first, second):
        model.fit(zoo.dataset(name), epochs=2, verbose=0)
    assert_same(state(first), state(second), 0)


RESUME = """
import sys, keras, keras_contrastive
from tests.contracts import energy_zoo as zoo
folder, *names = sys.argv[1:]
for index, name in enumerate(names):
    model = keras.saving.load_model(f"{folder}/{index}.keras")
    model.fit(zoo.dataset(name), verbose=0)
    model.save(f"{folder}/{index}.later.keras")
"""


def test_a_fresh_process_goes_on_where_they_were_saved(tmp_path):
    models = {name: make(name) for name in zoo.MODELS}
    for index, (name, model) in enumerate(models.items()):
        model.fit(zoo.dataset(name), verbose=0)
        model.save(tmp_path / f"{index}.keras")
    command = [sys.executable, "-c", RESUME, str(tmp_path), *models]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    for index, (name, model) in enumerate(models.items()):
        model.fit(zoo.dataset(name), verbose=0)
        later = keras.saving.load_model(tmp_path / f"{index}.later.keras")
        assert_same(state(model), state(later), 0)


def test_evaluating_changes_nothing_and_repeats(name):
    model = make(name)
    before = state(model)
    first, second = (
        model.evaluate(zoo.dataset(name), verbose=0, return_dict=True) for _ in range(2)
    )
    assert first == second
    changed = [
        path.split(" ", 1)[1]
        for path, value in state(model).items()
        if not np.array_equal(value, before[path])
    ]
    metrics = {v.path for metric in model.metrics for v in metric.variables}
    assert set(changed) <= metrics


def test_the_energy_that_went_in_is_the_trained_one(name):
    model = make(name)
    before = model.energy.get_weights()
    model.fit(zoo.dataset(name), verbose=0)
    assert any(
        not np.array_equal(old, new)
        for old, new in zip(before, model.energy.get_weights(), strict=True)
    )
    points = zoo.points(name)
    found = model.energy(points)
    if isinstance(model.energy, kc.energies.AutoencoderEnergy):
        found = model.energy.reconstruct(points)
    np.testing.assert_allclose(model.predict(points, verbose=0), found, atol=1e-5)


def test_it_takes_what_people_have(name):
    points = zoo.points(name)
    labels = np.arange(len(points))
    batched = tf.data.Dataset.from_tensor_slices((points, labels)).batch(zoo.BATCH)
    ends = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for given, options in (
            (points, {"batch_size": zoo.BATCH, "shuffle": False}),
            (batched, {}),
            (batched.map(lambda x, y: x), {}),
            (batched.map(lambda x, y: {"x": x, "label": y}), {}),
            (zoo.dataset(name), {}),
        ):
            model = make(name)
            model.fit(given, verbose=0, **options)
            ends.append(state(model))
    for other in ends[1:]:
        assert_same(ends[0], other, 1e-6)


def test_a_short_last_batch_is_taken(name):
    model = make(name)
    model.fit(zoo.points(name)[:50], batch_size=32, verbose=0)
    assert model.step.numpy() == 2


def test_bad_input_stops_early_and_changes_nothing(name):
    model = make(name)
    before = state(model)
    points = zoo.points(name)
    data = zoo.dataset(name)
    wrong = "bits, 0 and 1" if model.energy.domain == "bits" else "finite numbers"
    for bad, words in (
        (data.take(0), "at least one batch"),
        (data.unbatch(), "batched dataset"),
        (data.map(lambda x: {"label": x["image"]}), "must hold points"),
        (data.map(lambda x: {"image": x["image"][:, :1]}), "points of shape"),
        (data.map(lambda x: {"image": x["image"] * float("nan")}), wrong),
        (points[:, :1], "points of shape"),
        (points * np.nan, wrong),
    ):
        with pytest.raises(ValueError, match=rf"(?s){words}.*Received: "):
            model.fit(bad, verbose=0)
    if model.energy.domain == "bits":
        for bad in (points * 255, points / 2, (points * 255).astype(np.uint8)):
            with pytest.raises(ValueError, match=r"(?s)bits, 0 and 1.*Received: "):
                model.fit(bad, verbose=0)
    assert_same(before, state(model), 0)


def test_an_energy_that_is_not_finite_stops_training(name):
    model = make(name)
    model.fit(zoo.dataset(name), verbose=0)
    weight = model.energy.trainable_variables[0]
    weight.assign(weight * np.nan)
    before = state(model)
    with pytest.raises(ValueError, match=r"(?s)`energy` must .* finite.*at step 4"):
        model.fit(zoo.dataset(name), verbose=0)
    after = state(model)
    metrics = {v.path for metric in model.metrics for v in metric.variables}
    kept = {k: v for k, v in before.items() if k.split(" ", 1)[1] not in metrics}
    assert_same(kept, {k: after[k] for k in kept}, 0)


class Cusp(kc.energies.Energy):
    """Finite everywhere, with a slope that is not at 0."""

    event_shape = (2,)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.weight = self.add_weight(shape=(), initializer="ones", name="weight")

    def call(self, x):
        return tf.sqrt(tf.reduce_sum(x * x, axis=1) * self.weight)


def test_a_gradient_that_is_not_finite_stops_training_too():
    model = kc.models.MaximumLikelihood(Cusp(), nodes=21, seed=0)
    assert_stops_at_the_cusp(model)


def test_particles_stay_as_well_where_a_gradient_is_not_finite():
    langevin = kc.samplers.Langevin(0.1)
    model = kc.models.PersistentContrastiveDivergence(
        Cusp(), langevin, particles=4, seed=0
    )
    before = model.buffer.particles.numpy()
    assert_stops_at_the_cusp(model)
    np.testing.assert_array_equal(model.buffer.particles, before)
    np.testing.assert_array_equal(model.buffer.ages, 0)


def assert_stops_at_the_cusp(model):
    model.compile("sgd")
    words = r"(?s)`energy` must stay finite.*at step 0 .*gradient of length -?(nan|inf)"
    with pytest.raises(ValueError, match=words):
        model.fit(np.zeros([4, 2], np.float32), verbose=0)
    assert model.energy.weight.numpy() == 1


def test_images_fit_an_energy_of_as_many_bits():
    model = kc.models.PseudoLikelihood(kc.energies.RBM(16, 2), seed=0)
    model.compile("sgd")
    images = np.random.default_rng(0).integers(0, 2, [8, 4, 4, 1]).astype(np.uint8)
    model.fit(images, verbose=0)
    assert model.step.numpy() == 1


@pytest.mark.parametrize("replicas", [1, 2])
def test_the_gradient_is_clipped_as_a_whole(replicas, two_devices):
    """One step of SGD moves the weights by the clipped length, however many share."""
    scope = (
        two_devices.scope() if replicas == 2 else tf.distribute.get_strategy().scope()
    )
    with scope:
        model = kc.models.PseudoLikelihood(zoo.boltzmann(), clip_norm=0.05, seed=3)
        model.compile(keras.optimizers.SGD(1.0))
    before = estimation.pack(model.energy.weights)
    data = zoo.dataset("Ratio matching").take(1)
    history = model.fit(data, verbose=0).history
    moved = estimation.pack(model.energy.weights) - before
    assert history["gradient_norm"][0] > 0.1
    np.testing.assert_allclose(np.linalg.norm(moved), 0.05, rtol=1e-4)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda e, s: zoo.M.PseudoLikelihood(lambda x: x), TypeError, "`energy`"),
        (lambda e, s: zoo.M.RatioMatching(zoo.network()), ValueError, "over bits"),
        (lambda e, s: zoo.M.ScoreMatching(e), ValueError, "over reals"),
        (lambda e, s: zoo.M.ScoreMatching(zoo.network(), slices=0), ValueError, "`sl"),
        (
            lambda e, s: zoo.M.DenoisingScoreMatching(zoo.network(), 0),
            ValueError,
            "`stddev`",
        ),
        (lambda e, s: zoo.M.PseudoLikelihood(e, clip_norm=0), ValueError, "`clip_norm"),
        (
            lambda e, s: zoo.M.MinimumProbabilityFlow(e, epsilon=0),
            ValueError,
            "`epsilon`",
        ),
        (
            lambda e, s: zoo.M.MinimumProbabilityFlow(e, neighbours=3),
            TypeError,
            "`neighbours`",
        ),
        (
            lambda e, s: zoo.M.MaximumLikelihood(zoo.E.BoltzmannMachine(21)),
            ValueError,
            "at most 20 bits",
        ),
        (
            lambda e, s: zoo.M.MaximumLikelihood(zoo.network(), bounds=(1, 0)),
            ValueError,
            "`bounds`",
        ),
        (
            lambda e, s: zoo.M.MaximumLikelihood(zoo.network(), nodes=1),
            ValueError,
            "`nodes`",
        ),
        (
            lambda e, s: zoo.M.NoiseContrastiveEstimation(zoo.network(), zoo.network()),
            TypeError,
            "`noise` must have sample",
        ),
        (
            lambda e, s: zoo.M.NoiseContrastiveEstimation(e, zoo.noise()),
            ValueError,
            "`noise`",
        ),
        (
            lambda e, s: zoo.M.NoiseContrastiveEstimation(
                zoo.network(), zoo.noise(), ratio=0
            ),
            ValueError,
            "`ratio`",
        ),
        (lambda e, s: zoo.M.ContrastiveDivergence(e, "gibbs"), TypeError, "`sampler`"),
        (
            lambda e, s: zoo.M.ContrastiveDivergence(zoo.network(), s),
            ValueError,
            "`energy`",
        ),
        (
            lambda e, s: zoo.M.ContrastiveDivergence(e, zoo.descent()),
            ValueError,
            "over reals",
        ),
        (lambda e, s: zoo.M.ContrastiveDivergence(e, s, -1), ValueError, "`steps`"),
        (
            lambda e, s: zoo.M.ContrastiveDivergence(e, s, contrast="up"),
            ValueError,
            "`contrast`",
        ),
        (
            lambda e, s: zoo.M.ContrastiveDivergence(e, s, energy_regularisation=-1),
            ValueError,
            "`energy_regularisation`",
        ),
        (
            lambda e, s: zoo.M.PersistentContrastiveDivergence(e, s, particles=0),
            ValueError,
            "`particles`",
        ),
    ],
)
def test_bad_arguments_are_refused(call, kind, words):
    with pytest.raises(kind, match=rf"(?s){words}.*Received: "):
        call(zoo.boltzmann(), zoo.S.Gibbs())
