import math
import subprocess
import sys

import keras
import keras_cv
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive import augment

CORRUPTIONS = {
    "noise": lambda **k: augment.GaussianNoise(0.3, **k),
    "masking": lambda **k: augment.Masking(0.3, **k),
    "patches": lambda **k: augment.Masking(0.3, patch_size=2, **k),
    "salt": lambda **k: augment.SaltAndPepper(0.3, **k),
}
SEED = [3, 4]


def points(*shape):
    return np.random.default_rng(0).uniform(0.1, 0.9, shape).astype(np.float32)


@pytest.fixture(params=CORRUPTIONS)
def name(request):
    return request.param


def shapes(name):
    if name == "patches":
        return [(8, 4, 6, 3)]
    return [(8, 5), (8, 4, 3), (8, 4, 4, 3), (8, 2, 3, 2, 1)]


def test_any_rank_keeps_its_shape_and_the_seed_decides(name):
    for shape in shapes(name):
        x, layer = points(*shape), CORRUPTIONS[name]()
        damaged = layer(x, seed=SEED)
        assert damaged.shape == shape
        assert damaged.dtype == tf.float32
        assert np.abs(damaged - x).max() > 0.05
        np.testing.assert_array_equal(damaged, CORRUPTIONS[name]()(x, seed=SEED))
        assert np.abs(damaged - layer(x, seed=[3, 5])).max() > 0.05
        assert np.abs(layer(x) - layer(x)).max() > 0.05


def test_xla_and_graphs_of_unknown_batch_size_draw_the_same(name):
    shape = shapes(name)[-1]
    x, layer = points(*shape), CORRUPTIONS[name]()
    plain = layer(x, seed=SEED)
    run = tf.function(lambda x: layer(x, seed=SEED), jit_compile=True)
    np.testing.assert_allclose(run(x), plain, atol=1e-5)
    spec = [tf.TensorSpec([None, *shape[1:]])]
    graph = tf.function(lambda x: layer(x, seed=SEED), spec)
    np.testing.assert_array_equal(graph(x), plain)


@pytest.mark.parametrize("name", ["masking", "patches", "salt"])
def test_replicas_damage_their_rows_as_one_device_does(name):
    x, layer = points(8, 4, 4, 3), CORRUPTIONS[name]()
    whole = layer(x, seed=SEED, total=8)
    part = layer(x[4:], seed=SEED, offset=4, total=8)
    np.testing.assert_array_equal(part, whole[4:])


def test_replicas_draw_noise_of_their_own():
    x, layer = points(4, 50), augment.GaussianNoise(1.0)
    first = layer(x, seed=SEED, offset=0, total=8) - x
    second = layer(x, seed=SEED, offset=4, total=8) - x
    assert abs(np.corrcoef(np.ravel(first), np.ravel(second))[0, 1]) < 0.3
    np.testing.assert_array_equal(first, layer(x, seed=SEED) - x)


def test_noise_has_its_deviation_and_no_number_is_cut_off():
    x = np.full([200, 100], 0.5, np.float32)
    noise = (augment.GaussianNoise(0.7)(x, seed=SEED) - x).numpy()
    count = noise.size
    # Five standard errors each: a false alarm in a million seeds.
    assert abs(noise.mean()) < 5 * 0.7 / math.sqrt(count)
    assert abs(noise.std() / 0.7 - 1) < 5 / math.sqrt(2 * count)
    assert noise.min() < -1.4
    assert noise.max() > 1.4
    cut = augment.GaussianNoise(0.7, clip=True)(x, seed=SEED).numpy()
    assert cut.min() == 0
    assert cut.max() == 1
    inside = (noise > -0.5) & (noise < 0.5)
    np.testing.assert_array_equal(cut[inside], (x + noise)[inside])


def test_masking_hides_its_share_and_leaves_the_rest():
    x = points(500, 40)
    hidden = augment.Masking(0.25)(x, seed=SEED).numpy()
    gone = hidden == 0
    assert abs(gone.mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / x.size)
    np.testing.assert_array_equal(hidden[~gone], x[~gone])
    # Each number by itself: as many go together as chance has it.
    both = (gone[:, :-1] & gone[:, 1:]).mean()
    assert abs(both - 0.25**2) < 5 * 0.25 / math.sqrt(x.size)
    np.testing.assert_array_equal(augment.Masking(0.0)(x, seed=SEED), x)
    assert not np.any(augment.Masking(1.0)(x, seed=SEED))


def test_a_pixel_goes_with_its_channels_and_a_patch_as_a_whole():
    x = points(50, 6, 4, 3)
    gone = augment.Masking(0.4)(x, seed=SEED).numpy() == 0
    assert (gone == gone[..., :1]).all()
    assert 0.3 < gone.mean() < 0.5
    gone = augment.Masking(0.4, patch_size=2)(x, seed=SEED).numpy() == 0
    patches = gone.reshape(50, 3, 2, 2, 2, 3)
    assert (patches == patches[:, :, :1, :, :1, :1]).all()
    share = patches[:, :, 0, :, 0, 0]
    assert share.shape == (50, 3, 2)
    assert abs(share.mean() - 0.4) < 5 * math.sqrt(0.24 / share.size)


def test_salt_and_pepper_fall_equally_often():
    x = points(500, 40)
    spiced = augment.SaltAndPepper(0.2, low=-1.0, high=2.0)(x, seed=SEED).numpy()
    error = 5 * math.sqrt(0.1 * 0.9 / x.size)
    assert abs((spiced == -1).mean() - 0.1) < error
    assert abs((spiced == 2).mean() - 0.1) < error
    rest = (spiced != -1) & (spiced != 2)
    np.testing.assert_array_equal(spiced[rest], x[rest])


def test_images_of_bytes_become_floats(name):
    images = np.full([8, 4, 4, 1], 255, np.uint8)
    damaged = CORRUPTIONS[name]()(images, seed=SEED)
    ones = CORRUPTIONS[name]()(np.ones([8, 4, 4, 1], np.float32), seed=SEED)
    np.testing.assert_allclose(damaged, ones, atol=1e-6)


def test_they_stand_in_policies_and_beside_stock_layers(name):
    x = points(4, 8, 8, 3)
    policy = augment.Policy([CORRUPTIONS[name](clip=True), augment.ColorJitter()])
    assert policy.reproducible
    np.testing.assert_array_equal(policy(x, seed=SEED), policy(x, seed=SEED))
    mixed = keras.Sequential(
        [CORRUPTIONS[name](), keras_cv.layers.RandomFlip(), CORRUPTIONS[name]()]
    )
    assert mixed(x, training=True).shape == x.shape
    images = CORRUPTIONS[name]()({"images": x, "labels": np.arange(4)}, seed=SEED)
    np.testing.assert_array_equal(images["images"], CORRUPTIONS[name]()(x, seed=SEED))


def test_they_are_rebuilt_from_their_config(name):
    layer = CORRUPTIONS[name](clip=True)
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    x = points(8, 4, 4, 3)
    np.testing.assert_array_equal(layer(x, seed=SEED), again(x, seed=SEED))
    assert again.get_config() == layer.get_config()


def test_a_fresh_process_loads_them_by_name(tmp_path):
    for name, make in CORRUPTIONS.items():
        model = keras.Sequential([keras.Input([4, 4, 1]), make()])
        model.save(tmp_path / f"{name}.keras")
    script = (
        "import sys, keras, keras_contrastive\n"
        "for path in sys.argv[1:]: keras.saving.load_model(path)"
    )
    paths = [str(path) for path in tmp_path.iterdir()]
    run = subprocess.run(
        [sys.executable, "-c", script, *paths], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: augment.GaussianNoise(-0.1), "`stddev`"),
        (lambda: augment.GaussianNoise(math.nan), "`stddev`"),
        (lambda: augment.Masking(1.1), "`rate`"),
        (lambda: augment.Masking(math.nan), "`rate`"),
        (lambda: augment.Masking(0.1, patch_size=0), "`patch_size`"),
        (lambda: augment.Masking(0.1, patch_size=2)(points(2, 4)), "multiples"),
        (lambda: augment.Masking(0.1, patch_size=2)(points(2, 3, 4, 1)), "multiples"),
        (lambda: augment.SaltAndPepper(-0.1), "`rate`"),
        (lambda: augment.SaltAndPepper(0.1, 1.0, 1.0), "`low`"),
        (lambda: augment.Masking(0.1)(points(4)), "batch"),
    ],
)
def test_bad_arguments_are_refused(call, words):
    with pytest.raises(ValueError, match=rf"(?s){words}.*Received: "):
        call()
