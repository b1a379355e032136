import math

import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.losses.contrast import CONTRASTS

POSITIVE = np.array([-2.0, 0.5, 3.0, 1.0], "f")
NEGATIVE = np.array([1.0, 0.6, -1.0, 1.0], "f")
# Of one data energy a, one sample energy b and a margin m.
SLOW = {
    "difference": lambda a, b, m: a - b,
    "margin": lambda a, b, m: max(0.0, m + a - b),
    "softplus": lambda a, b, m: math.log(1 + math.exp(a - b)),
    "square_square": lambda a, b, m: a * a + max(0.0, m - b) ** 2,
}


@pytest.mark.parametrize("kind", SLOW)
@pytest.mark.parametrize("margin", [0.3, 1.0, 2.5])
def test_it_equals_the_slow_loop(kind, margin):
    ours = kc.losses.contrast(POSITIVE, NEGATIVE, kind, margin)
    expected = [
        SLOW[kind](float(a), float(b), margin)
        for a, b in zip(POSITIVE, NEGATIVE, strict=True)
    ]
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    assert set(CONTRASTS) == set(SLOW)


@pytest.mark.parametrize("kind", SLOW)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_it_pulls_data_down_and_pushes_samples_up(kind, dtype):
    energies = [tf.Variable([0.25, 1e4], dtype=dtype) for _ in range(2)]
    with tf.GradientTape() as tape:
        loss = kc.losses.contrast(*energies, kind)
    assert loss.dtype == ("float64" if dtype == "float64" else "float32")
    down, up = tape.gradient(loss, energies)
    assert np.isfinite(loss).all()
    assert down[0] > 0
    assert up[0] < 0


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"`kind`.*square.*Received: 'hinge'"):
        kc.losses.contrast(POSITIVE, NEGATIVE, "hinge")
    for margin in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=r"`margin`.*Received: "):
            kc.losses.contrast(POSITIVE, NEGATIVE, "margin", margin)
    for other in (NEGATIVE[:3], NEGATIVE[:, None]):
        with pytest.raises(ValueError, match=r"`positive`.*Received: \(4,\) and"):
            kc.losses.contrast(POSITIVE, other)
