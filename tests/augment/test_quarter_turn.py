import math

import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.augment import QuarterTurn


def images(count=8, side=6):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("jit", [False, True])
def test_it_turns_as_numpy_does(jit):
    layer, batch = QuarterTurn(), images()
    turns = tf.constant([0, 1, 2, 3, 3, 2, 1, 0])
    turn = tf.function(
        lambda x: layer.augment_images(x, {"turns": turns}), jit_compile=jit
    )
    for image, k, turned in zip(batch / 255, turns.numpy(), turn(batch), strict=True):
        np.testing.assert_allclose(turned, np.rot90(image, k), atol=1e-6)


def test_every_turn_is_as_likely_and_the_seed_decides():
    count = 4000
    turns = QuarterTurn().draw(tf.constant([1, 2]), count, images())["turns"]
    share = np.bincount(turns, minlength=4) / count
    # Five standard errors: one false alarm in 400,000 seeds.
    assert len(share) == 4
    assert np.abs(share - 1 / 4).max() < 5 * math.sqrt(3 / 16 / count)
    layer, batch = QuarterTurn(), images()
    whole = layer(batch, seed=[1, 2]).numpy()
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(whole, layer(batch, seed=[1, 2]))
    part = layer(batch[4:], seed=[1, 2], offset=4, total=8)
    np.testing.assert_array_equal(part, whole[4:])


def test_an_oblong_image_is_named():
    with pytest.raises(ValueError, match=r"square.*Received: shape \(2, 4, 6, 3\)"):
        QuarterTurn()(np.zeros((2, 4, 6, 3), "float32"))
