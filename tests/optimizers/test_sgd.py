import keras
import numpy as np
import pytest

import keras_contrastive as kc


@pytest.mark.parametrize("nesterov", [False, True])
def test_steps_equal_numpy(nesterov):
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(3, 4)), rng.normal(size=4)
    variables = [
        keras.Variable(kernel, name="kernel"),
        keras.Variable(bias, name="bias"),
    ]
    optimizer = kc.optimizers.SGD(
        0.1, 0.9, weight_decay=0.05, exclude=["bias$"], nesterov=nesterov
    )
    velocity = [np.zeros_like(kernel), np.zeros_like(bias)]
    weights = [kernel, bias]
    for _ in range(4):
        gradients = [rng.normal(size=w.shape) for w in weights]
        optimizer.apply(gradients, variables)
        for i, decay in enumerate((0.05, 0.0)):
            step = 0.1 * (gradients[i] + decay * weights[i])
            velocity[i] = 0.9 * velocity[i] + step
            ahead = 0.9 * velocity[i] + step if nesterov else velocity[i]
            weights[i] = weights[i] - ahead
    for ours, expected in zip(variables, weights, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_its_decay_is_near_ten_times_keras_s_at_momentum_0_9():
    ours, theirs = (keras.Variable(np.ones(1), name="w") for _ in range(2))
    coupled = kc.optimizers.SGD(0.01, 0.9, weight_decay=0.01)
    stock = keras.optimizers.SGD(0.01, 0.9, weight_decay=0.01)
    for _ in range(200):
        coupled.apply([np.zeros(1)], [ours])
        stock.apply([np.zeros(1)], [theirs])
    lost = [1 - variable.numpy()[0] for variable in (ours, theirs)]
    assert 8 < lost[0] / lost[1] < 10


def test_it_round_trips_and_names_bad_arguments():
    optimizer = kc.optimizers.SGD(0.2, 0.8, 1e-4, exclude=["bias$"], nesterov=True)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, kc.optimizers.SGD)
    assert again.get_config() == optimizer.get_config()
    for name, value in (("momentum", 1.0), ("weight_decay", -1.0)):
        with pytest.raises(ValueError, match=rf"`{name}`.*Received: "):
            kc.optimizers.SGD(**{name: value})
    with pytest.raises(TypeError, match=r"`exclude`.*Received: 'bias'"):
        kc.optimizers.SGD(exclude="bias")
    optimizer = kc.optimizers.SGD(exclude=["nothing"])
    with pytest.warns(UserWarning, match="nothing"):
        optimizer.build([keras.Variable(np.ones(1), name="w")])
