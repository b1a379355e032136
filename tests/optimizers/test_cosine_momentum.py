import math

import keras
import numpy as np
import pytest

import keras_contrastive as kc


def test_it_rises_to_one_along_a_cosine():
    schedule = kc.optimizers.CosineMomentum(0.9, 100)
    for step in (0, 1, 25, 50, 99):
        expected = 1 - 0.1 * (math.cos(math.pi * step / 100) + 1) / 2
        np.testing.assert_allclose(schedule(step), expected, rtol=1e-6)
    assert schedule(0) == np.float32(0.9)
    assert schedule(100) == schedule(1000) == 1


def test_it_round_trips():
    schedule = kc.optimizers.CosineMomentum(0.99, 7)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(schedule)
    )
    assert (copy.base, copy.steps) == (0.99, 7)


def test_bad_input():
    for base in (-0.1, 1.0, 2):
        with pytest.raises(ValueError, match=r"`base`.*\[0, 1\).*Received: "):
            kc.optimizers.CosineMomentum(base, 10)
    with pytest.raises(ValueError, match=r"`steps`.*Received: 0"):
        kc.optimizers.CosineMomentum(0.9, 0)
