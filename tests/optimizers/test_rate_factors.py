import keras
import numpy as np
import pytest

import keras_contrastive as kc


class FactoredSGD(kc.optimizers.RateFactors, kc.optimizers.SGD):
    pass


class FactoredLARS(kc.optimizers.RateFactors, kc.optimizers.LARS):
    pass


KINDS = {
    "adam": (kc.optimizers.FactoredAdam, keras.optimizers.Adam, {}),
    "sgd": (FactoredSGD, kc.optimizers.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    "lars": (FactoredLARS, kc.optimizers.LARS, {"weight_decay": 0.1}),
}


def schedule(rate):
    return keras.optimizers.schedules.CosineDecay(rate, 8)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_one_plain_optimizer_a_variable(kind):
    factored, plain, options = KINDS[kind]
    rng = np.random.default_rng(0)
    shapes = [(3, 4), (4, 2), (2,)]
    start = [rng.normal(size=shape).astype("float32") for shape in shapes]
    factors = [0.25, 1.0, 0.0]
    ours, theirs = (
        [keras.Variable(x, name=f"kernel_{i}") for i, x in enumerate(start)]
        for _ in range(2)
    )
    optimizer = factored(schedule(0.1), rate_factors=factors, **options)
    apart = [plain(schedule(0.1 * factor or 1e-9), **options) for factor in factors]
    for _ in range(5):
        gradients = [rng.normal(size=x.shape) for x in start]
        optimizer.apply(gradients, ours)
        for one, gradient, variable in zip(apart, gradients, theirs, strict=True):
            one.apply([gradient], [variable])
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-6)
    np.testing.assert_array_equal(ours[2], start[2])
    assert np.abs(ours[0] - start[0]).max() > 1e-5


def test_a_model_s_fit_and_a_half_of_the_variables():
    """A factor stays with its variable when only some have gradients."""
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)]
    )
    optimizer = kc.optimizers.FactoredAdam(0.1, rate_factors=[0.0, 0.0, 1.0, 1.0])
    model.compile(optimizer, "mse")
    before = [np.copy(w) for w in model.get_weights()]
    model.fit(np.ones((4, 3)), np.full(4, 9.0), verbose=0)
    moved = [
        np.abs(a - b).max() for a, b in zip(before, model.get_weights(), strict=True)
    ]
    assert moved[:2] == [0, 0]
    np.testing.assert_allclose(moved[2:], 0.1, rtol=1e-3)
    bias = model.layers[1].bias
    before = bias.numpy()
    optimizer.apply([np.ones(1)], [bias])
    assert np.abs(bias - before).max() > 0.01


def test_it_round_trips_and_names_bad_arguments():
    optimizer = kc.optimizers.FactoredAdam(0.2, beta_1=0.8, rate_factors=(0.5, 1))
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, kc.optimizers.FactoredAdam)
    assert again.get_config() == optimizer.get_config()
    assert again.rate_factors == (0.5, 1.0)
    for factors in ([-1.0], [float("nan")]):
        with pytest.raises(ValueError, match=r"`rate_factors`.*Received: "):
            kc.optimizers.FactoredAdam(rate_factors=factors)
    with pytest.raises(ValueError, match=r"`weight_decay`.*Received: 0\.1"):
        kc.optimizers.FactoredAdam(weight_decay=0.1, rate_factors=[1])
    with pytest.raises(ValueError, match=r"each of the 1 variables. Received: 2"):
        optimizer.build([keras.Variable(np.ones(1), name="w")])
