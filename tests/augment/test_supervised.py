import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (8, 20, 24, 3)).astype(np.uint8)


def test_crop_and_flip_is_the_crop_alone_and_reproducible(images):
    policy = kc.augment.crop_and_flip(16, area=(0.5, 1.0))
    assert policy.reproducible
    first, again = (policy(images, seed=[3, 4]) for _ in range(2))
    assert first.shape == (8, 16, 16, 3)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - policy(images, seed=[3, 5])).max() > 0.1
    whole = kc.augment.crop_and_flip(24, area=(1.0, 1.0), flip_rate=1.0)
    square = images[:, :, :20]
    whole = kc.augment.crop_and_flip(20, area=(1.0, 1.0), flip_rate=1.0)
    np.testing.assert_allclose(
        whole(square, seed=[0, 0]), square[:, :, ::-1] / 255, atol=1e-5
    )


def test_rand_augment_changes_the_crop_in_a_pipeline_and_says_what_it_is(images):
    policy = kc.augment.rand_augment(16, area=(1.0, 1.0), magnitude=0.8)
    assert not policy.reproducible
    keras.utils.set_random_seed(0)
    data = tf.data.Dataset.from_tensors(images).repeat(2)
    views = [x for x in data.map(policy).as_numpy_iterator()]
    for view in views:
        assert view.shape == (8, 16, 16, 3)
        assert view.dtype == np.float32
        assert view.min() >= 0
        assert view.max() <= 1
    assert np.abs(views[0] - views[1]).max() > 0.3
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(policy)
    )
    assert again.layers[1].augmentations_per_image == 2
    with pytest.warns(UserWarning, match=r"not reproducible: it holds.*RandAugment"):
        policy(images, seed=[0, 1])


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"`count`.*Received: 0"):
        kc.augment.rand_augment(16, count=0)
    with pytest.raises(ValueError, match=r"`magnitude`.*Received: 2"):
        kc.augment.rand_augment(16, magnitude=2)
