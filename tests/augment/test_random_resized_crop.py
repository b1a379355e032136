import math

import keras_cv
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.augment import RandomResizedCrop

N = 4000


@pytest.fixture(scope="module")
def boxes():
    layer = RandomResizedCrop(8)
    images = tf.zeros([1, 32, 32, 3])
    return layer.draw(tf.constant([3, 4]), N, images)["boxes"].numpy()


def reference_boxes(count, area, ratio, height, width, rng):
    """Szegedy's crop as a slow loop: propose, reject, fall back."""
    found = []
    for _ in range(count):
        for _ in range(10):
            pixels = height * width * rng.uniform(*area)
            aspect = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
            w, h = math.sqrt(pixels * aspect), math.sqrt(pixels / aspect)
            if w <= width and h <= height:
                break
        else:
            aspect = min(max(width / height, ratio[0]), ratio[1])
            w, h = min(width, height * aspect), min(height, width / aspect)
        found.append((h / height, w / width))
    return np.array(found)


def largest_gap(a, b):
    """Two-sample Kolmogorov-Smirnov statistic."""
    # Sizes of the fallback's box tie but for rounding.
    a, b = (np.round(np.float64(x), 5) for x in (a, b))
    at = np.sort(np.concatenate([a, b]))
    first = np.searchsorted(np.sort(a), at, side="right") / len(a)
    second = np.searchsorted(np.sort(b), at, side="right") / len(b)
    return np.abs(first - second).max()


@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 60), (90, 30)])
def test_boxes_are_distributed_as_the_loop_s(height, width):
    layer = RandomResizedCrop(8, area=(0.3, 1.0))
    images = tf.zeros([1, height, width, 3])
    box = layer.draw(tf.constant([1, 2]), N, images)["boxes"].numpy()
    tall, wide = box[:, 2] - box[:, 0], np.abs(box[:, 3] - box[:, 1])
    rng = np.random.default_rng(0)
    expected = reference_boxes(N, (0.3, 1.0), (3 / 4, 4 / 3), height, width, rng)
    # Both samples differ by more in one of 10,000 seeds: c(1e-4) sqrt(2 / N).
    bound = math.sqrt(-math.log(1e-4 / 2) / 2) * math.sqrt(2 / N)
    assert largest_gap(tall, expected[:, 0]) < bound
    assert largest_gap(wide, expected[:, 1]) < bound
    ratio = (wide * width) / (tall * height)
    assert ratio.min() > 3 / 4 - 1e-4
    assert ratio.max() < 4 / 3 + 1e-4


def test_boxes_lie_inside_and_half_are_flipped(boxes):
    assert boxes.min() >= 0
    assert boxes.max() <= 1 + 1e-6
    flipped = (boxes[:, 3] < boxes[:, 1]).mean()
    # Four standard errors: one false alarm in 16,000 seeds.
    assert abs(flipped - 0.5) < 4 * 0.5 / math.sqrt(N)


def test_places_fill_the_room_that_is_left(boxes):
    tall = boxes[:, 2] - boxes[:, 0]
    place = boxes[:, 0] / (1 - tall)
    assert largest_gap(place, np.linspace(0, 1, N)) < 0.04


def test_areas_agree_with_keras_cv():
    # The corners of the crop are read off images whose pixels hold their own places.
    ramp = np.linspace(0, 1, 64, dtype=np.float32)
    y, x = np.meshgrid(ramp, ramp, indexing="ij")
    images = np.tile(np.stack([y, x, x], -1)[None], [800, 1, 1, 1])
    stock = keras_cv.layers.RandomCropAndResize(
        (16, 16), (0.08, 0.5), (3 / 4, 4 / 3), seed=1
    )

    def areas_and_ratios(views):
        views = np.asarray(views)
        tall = views[:, -1, 0, 0] - views[:, 0, 0, 0]
        wide = np.abs(views[:, 0, -1, 1] - views[:, 0, 0, 1])
        return tall * wide, wide / tall

    ours = RandomResizedCrop(16, area=(0.08, 0.5))(images, seed=[5, 6])
    (area, ratio), (stock_area, stock_ratio) = map(
        areas_and_ratios, (ours, stock(images, training=True))
    )
    assert abs(area.mean() - 0.29) < 0.02
    assert abs(area.mean() - stock_area.mean()) < 0.03
    # keras-cv draws the ratio itself uniformly, the papers its logarithm.
    assert abs(np.log(ratio).mean()) < 0.03
    assert ratio.min() > 0.74
    assert ratio.max() < 1.35
    assert abs(ratio.std() - stock_ratio.std()) < 0.03


def slow_sample(image, box, size):
    height, width, channels = image.shape
    out = np.zeros((size, size, channels))
    for i in range(size):
        for j in range(size):
            y = (box[0] + (box[2] - box[0]) * i / (size - 1)) * (height - 1)
            x = (box[1] + (box[3] - box[1]) * j / (size - 1)) * (width - 1)
            y0, x0 = min(int(y), height - 2), min(int(x), width - 2)
            dy, dx = y - y0, x - x0
            out[i, j] = (
                image[y0, x0] * (1 - dy) * (1 - dx)
                + image[y0 + 1, x0] * dy * (1 - dx)
                + image[y0, x0 + 1] * (1 - dy) * dx
                + image[y0 + 1, x0 + 1] * dy * dx
            )
    return out


@pytest.mark.parametrize("compilable", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_equal_a_slow_loop(compilable, channels):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 11, 9, channels), dtype=np.uint8)
    layer = RandomResizedCrop(7)
    box = layer.draw(tf.constant([1, 9]), 6, images)["boxes"].numpy()
    views = layer(images, seed=[1, 9], compilable=compilable).numpy()
    assert views.dtype == np.float32
    for image, corners, view in zip(images / 255, box, views, strict=True):
        np.testing.assert_allclose(view, slow_sample(image, corners, 7), atol=2e-6)
    floats = layer((images / 255).astype("float32"), seed=[1, 9], compilable=compilable)
    np.testing.assert_allclose(views, floats, atol=2e-6)


def test_a_whole_box_is_the_image_and_a_flip_its_mirror():
    images = np.random.default_rng(0).random((3, 8, 8, 3), np.float32)
    for rate, expected in ((0, images), (1, images[:, :, ::-1])):
        layer = RandomResizedCrop(8, area=(1, 1), ratio=(1, 1), flip_rate=rate)
        for compilable in (False, True):
            views = layer(images, seed=[0, 0], compilable=compilable)
            np.testing.assert_allclose(views, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"image_size": 0}, "image_size"),
        ({"image_size": 8, "area": (0, 1)}, "area"),
        ({"image_size": 8, "area": (0.5, 0.2)}, "area"),
        ({"image_size": 8, "ratio": (2, 1)}, "ratio"),
        ({"image_size": 8, "flip_rate": 1.5}, "flip_rate"),
    ],
)
def test_bad_options_name_the_argument(options, name):
    with pytest.raises(ValueError, match=rf"`{name}`.*Received: "):
        RandomResizedCrop(**options)
