import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.augment import Jigsaw


def images(count=4, height=30, width=30, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def cut(size=30, **options):
    """A jigsaw that cuts and shuffles alone, off images of its crop's own size."""
    return Jigsaw(size, area=(1, 1), flip_rate=0, jitter=None, **options)


@pytest.mark.parametrize("compilable", [False, True])
def test_patches_equal_a_slow_loop(compilable):
    layer, batch = cut(), images()
    drawn = layer.draw(tf.constant([1, 2]), 4, batch)
    patches = layer(batch, seed=[1, 2], compilable=compilable)
    assert patches.shape == (4, 9, 8, 8, 3)
    for i, image in enumerate(batch / 255):
        for k, cell in enumerate(drawn["order"].numpy()[i]):
            top, left = drawn["places"].numpy()[i, k]
            row, column = 10 * (cell // 3) + top, 10 * (cell % 3) + left
            expected = image[row : row + 8, column : column + 8]
            np.testing.assert_allclose(patches[i, k], expected, atol=2e-6)


def test_places_and_orders_are_uniform():
    count = 3000
    drawn = cut().draw(tf.constant([3, 4]), count, images())
    order, places = drawn["order"].numpy(), drawn["places"].numpy()
    np.testing.assert_array_equal(np.sort(order, axis=1), np.tile(range(9), [count, 1]))
    # Each of 81 shares within 5 standard errors: one false alarm in 20,000 seeds.
    share = np.stack([(order == cell).mean(0) for cell in range(9)])
    assert np.abs(share - 1 / 9).max() < 5 * math.sqrt(8 / 81 / count)
    assert (places.min(), places.max()) == (0, 2)
    for axis in (0, 1):
        share = np.bincount(places[..., axis].ravel()) / places[..., axis].size
        assert np.abs(share - 1 / 3).max() < 5 * math.sqrt(2 / 9 / (9 * count))
    correlation = np.corrcoef(places[:, 0, 0], places[:, 0, 1])[0, 1]
    assert abs(correlation) < 5 / math.sqrt(count)


def test_the_crop_is_large_and_half_are_flipped():
    drawn = Jigsaw(32).draw(tf.constant([3, 4]), 2000, images())
    top, left, bottom, right = drawn["boxes"].numpy().T
    area = (bottom - top) * np.abs(right - left)
    assert area.min() > 0.6 - 1e-4
    assert area.max() <= 1 + 1e-6
    assert abs((right < left).mean() - 0.5) < 5 * 0.5 / math.sqrt(2000)


def test_each_patch_has_colours_of_its_own():
    grey = np.full((2, 32, 32, 3), [90, 120, 150], np.uint8)
    patches = Jigsaw(32)(grey, seed=[1, 2]).numpy()
    colours = patches.mean(axis=(2, 3)).reshape(18, 3)
    np.testing.assert_allclose(patches, patches[:, :, :1, :1] + 0 * patches, atol=1e-5)
    assert len(np.unique(colours.round(3), axis=0)) == 18
    np.testing.assert_allclose(
        Jigsaw(32, jitter=None)(grey, seed=[1, 2]),
        grey[:, None, :8, :8] / 255 + np.zeros((2, 9, 8, 8, 3)),
        atol=1e-6,
    )


def test_the_seed_decides_and_a_share_gets_its_share():
    layer, batch = Jigsaw(32), images(8, 36, 40)
    whole = layer(batch, seed=[1, 2]).numpy()
    np.testing.assert_array_equal(whole, layer(batch, seed=[1, 2]))
    for other in (layer(batch, seed=[1, 3]), layer(batch)):
        assert np.abs(whole - other).mean(axis=(1, 2, 3, 4)).min() > 1e-3
    part = layer(batch[4:], seed=[1, 2], offset=4, total=8)
    np.testing.assert_allclose(part, whole[4:], atol=1e-6)
    same = layer(np.repeat(batch[:1], 8, 0), seed=[1, 2]).numpy().reshape(8, -1)
    distance = np.abs(same[:, None] - same[None]).mean(-1)
    assert (distance + np.eye(8)).min() > 1e-3


def test_compiled_patches_equal_the_pipeline_s():
    layer, batch = Jigsaw(32), tf.constant(images(4, 32, 32))
    compiled = tf.function(
        lambda x, seed: layer(x, seed=seed, compilable=True), jit_compile=True
    )
    ours = compiled(batch, tf.constant([1, 2]))
    np.testing.assert_allclose(ours, layer(batch, seed=[1, 2]), atol=2e-5)


@pytest.mark.parametrize(
    ("image_size", "crop_size", "patch_size"),
    [(224, 255, 64), (32, 30, 8), (16, 15, 4), (64, 72, 18)],
)
def test_sizes_are_the_papers(image_size, crop_size, patch_size):
    layer = Jigsaw(image_size)
    assert (layer.crop_size, layer.patch_size) == (crop_size, patch_size)
    assert (layer.area, layer.flip_rate) == ((0.6, 1.0), 0.5)
    assert (layer.color.rate, layer.color.grey_rate) == (1.0, 0.2)
    assert layer.color.get_config()["hue"] == 0.2


def test_it_round_trips():
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = Jigsaw(32, grid=2, patch_size=9, jitter=(0.1, 0.2, 0.3, 0.0), seed=4)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert again.get_config() == layer.get_config()
    patches = layer(images(), seed=[3, 4])
    assert patches.dtype == tf.float32
    np.testing.assert_array_equal(patches, again(images(), seed=[3, 4]))


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"image_size": 5}, "image_size"),
        ({"image_size": 32.0}, "image_size"),
        ({"image_size": 32, "grid": 1}, "grid"),
        ({"image_size": 32, "crop_size": 32}, "crop_size"),
        ({"image_size": 32, "patch_size": 11}, "patch_size"),
        ({"image_size": 32, "patch_size": 0}, "patch_size"),
        ({"image_size": 32, "area": (0, 1)}, "area"),
        ({"image_size": 32, "jitter": (0.4,)}, "jitter"),
    ],
)
def test_bad_options_name_the_argument(options, name):
    with pytest.raises(ValueError, match=rf"(?s)`{name}`.*Received: "):
        Jigsaw(**options)


def test_images_too_small_for_the_grid_are_named():
    for shape in ((5, 30), (30, 5)):
        with pytest.raises(ValueError, match=r"3 x 3 cells.*Received: shape"):
            Jigsaw(32)(images(2, *shape))
