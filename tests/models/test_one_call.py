"""What layers add to the loss counts at each call of the trunk in a step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.contracts import zoo

RATE, PRICE = 0.5, 0.3


def trunk(price):
    """Without batch norm; a price on the mean activity."""
    regularizer = keras.regularizers.L2(price) if price else None
    return keras.Sequential(
        [
            keras.Input((zoo.SIZE, zoo.SIZE, 3)),
            keras.layers.Conv2D(6, 3, 2),
            keras.layers.ReLU(activity_regularizer=regularizer),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


MODELS = {
    "MoCo, symmetric": lambda net: kc.models.MoCo(
        net, None, 4, 40, batch_norm_groups=1, symmetric=True, seed=3
    ),
    "MoCo v3": lambda net: kc.models.MoCoV3(net, None, 4, 8, seed=3),
    "MoCo v3 in chunks": lambda net: kc.models.MoCoV3(
        net, None, 4, 8, chunk_size=16, seed=3
    ),
    "PIRL": lambda net: kc.models.PIRL(
        net, 64, None, "rotation", 8, projection_dim=4, seed=3
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_both_calls_count(name):
    batch = next(iter(zoo.dataset("PIRL on views")))
    kernels = []
    for price in (0, PRICE):
        keras.utils.set_random_seed(1)
        net = trunk(price)
        model = MODELS[name](net)
        model.compile(keras.optimizers.SGD(RATE))
        start = net.layers[0].kernel.numpy()
        model.fit(tf.data.Dataset.from_tensors(batch), verbose=0)
        kernels.append(net.layers[0].kernel.numpy())
    views = batch["views"] if name != "PIRL" else model.views(batch, step=0)
    net.layers[0].kernel.assign(start)
    net.layers[0].bias.assign(tf.zeros(6))
    with tf.GradientTape() as tape:
        activity = [tf.nn.relu(net.layers[0](view)) for view in views]
        added = tf.add_n([PRICE * tf.reduce_sum(x**2) / 16 for x in activity])
    expected = RATE * tape.gradient(added, net.layers[0].kernel.value)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(kernels[0] - kernels[1], expected, atol=1e-4)
