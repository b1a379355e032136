import subprocess
import sys

import keras
import keras_cv
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc


def images(count=32, size=32, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.random((count, size // 4, size // 4, channels))
    smooth = coarse.repeat(4, 1).repeat(4, 2)
    return np.round(255 * smooth).astype("uint8")


POLICIES = {
    "simclr": lambda: kc.augment.simclr(32),
    "cifar": lambda: kc.augment.simclr(32, strength=0.5, blur=False),
    "moco_v1": lambda: kc.augment.moco_v1(32),
    "moco_v2": lambda: kc.augment.moco_v2(32),
    "digits": lambda: kc.augment.digits(32),
    "pirl": lambda: kc.augment.pirl(32),
}


@pytest.fixture(params=POLICIES)
def policy(request):
    return POLICIES[request.param]()


@pytest.mark.parametrize("channels", [1, 3])
def test_views_are_unit_floats_of_the_size(policy, channels):
    views = policy(images(size=40, channels=channels), seed=[1, 2])
    assert views.shape == (32, 32, 32, channels)
    assert views.dtype == tf.float32
    assert tf.reduce_min(views) >= 0
    assert tf.reduce_max(views) <= 1


def test_the_seed_decides_and_no_view_is_the_image(policy):
    batch = images()
    first = policy(batch, seed=[1, 2]).numpy()
    np.testing.assert_array_equal(first, policy(batch, seed=[1, 2]))
    for other in (policy(batch, seed=[1, 3]), policy(batch), policy(batch)):
        difference = np.abs(first - other).mean(axis=(1, 2, 3))
        assert difference.min() > 1e-3
    assert np.abs(first - batch / 255).mean(axis=(1, 2, 3)).min() > 1e-3


def test_every_image_of_a_batch_is_changed_in_its_own_way(policy):
    same = np.repeat(images(1), 16, 0)
    views = policy(same, seed=[1, 2]).numpy().reshape(16, -1)
    distance = np.abs(views[:, None] - views[None]).mean(-1)
    assert (distance + np.eye(16)).min() > 1e-3


def test_a_share_of_the_batch_gets_its_share_of_the_views(policy):
    batch = images()
    whole = policy(batch, seed=[1, 2])
    # Sizes that no vector register has: cos and exp end with another rounding there.
    for start, stop in ((0, 8), (0, 5), (5, 6), (6, 19), (19, 32)):
        part = policy(batch[start:stop], seed=[1, 2], offset=start, total=32)
        np.testing.assert_array_equal(part, whole[start:stop])


def test_a_share_may_have_any_size(policy):
    batch = images()

    @tf.function(input_signature=[tf.TensorSpec([None, 32, 32, 3], tf.uint8)])
    def first(x):
        return policy(x, seed=[1, 2], offset=0, total=32)

    whole = policy(batch, seed=[1, 2])
    for count in (3, 32):
        np.testing.assert_allclose(first(batch[:count]), whole[:count], atol=1e-6)


def test_compiled_views_equal_the_pipeline_s(policy):
    batch = tf.constant(images())
    compiled = tf.function(
        lambda x, seed: policy(x, seed=seed, compilable=True), jit_compile=True
    )
    views = compiled(batch, tf.constant([1, 2]))
    np.testing.assert_allclose(views, policy(batch, seed=[1, 2]), atol=2e-5)


def checksum(policy):
    batch = tf.constant(images())
    seeds = tf.data.Dataset.range(16)
    views = seeds.map(
        lambda i: policy(batch, seed=tf.stack([i, 7])),
        num_parallel_calls=4,
        deterministic=True,
    )
    return [round(float(tf.reduce_sum(view * view)), 1) for view in views]


def test_a_parallel_map_and_another_process_see_the_same():
    here = {name: checksum(make()) for name, make in POLICIES.items()}
    for name, make in POLICIES.items():
        assert here[name] == checksum(make())
        assert len(set(here[name])) == 16
    code = (
        "import tests.augment.test_policy as t;"
        "print({name: t.checksum(make()) for name, make in t.POLICIES.items()})"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert there.strip().splitlines()[-1] == str(here)


def test_stock_layers_mix_and_the_policy_says_so():
    ours = kc.augment.simclr(32)
    assert ours.reproducible
    stock = keras_cv.layers.RandomCutout(0.5, 0.5)
    mixed = kc.augment.Policy([*ours.layers[:1], stock, *ours.layers[1:]])
    assert not mixed.reproducible
    views = mixed(images())
    assert views.shape == (32, 32, 32, 3)
    with pytest.warns(UserWarning, match="RandomCutout"):
        mixed(images(), seed=[1, 2])
    # The cut-out patch is there: a constant square of a quarter of the view.
    plain = kc.augment.Policy([*ours.layers[:1], stock])(np.full_like(images(), 255))
    black = (plain.numpy().max(-1) == 0).mean(axis=(1, 2))
    assert 0.05 < black.mean() < 0.3


def test_each_layer_draws_numbers_of_its_own():
    # Two flips with the same numbers would undo each other in every image.
    flips = [kc.augment.RandomResizedCrop(32, (1, 1), (1, 1)) for _ in range(2)]
    batch = images(64)
    views = kc.augment.Policy(flips)(batch, seed=[1, 2]).numpy()
    mirrored = np.abs(views - batch / 255).mean(axis=(1, 2, 3)) > 1e-3
    # 64 fair coins: fewer than 16 or more than 48 once in 16,000 seeds.
    assert 16 <= mirrored.sum() <= 48


def test_our_layers_stand_in_a_sequential_beside_stock_ones():
    model = keras.Sequential(
        [
            kc.augment.RandomResizedCrop(24),
            keras_cv.layers.RandomFlip("vertical"),
            kc.augment.ColorJitter(),
        ]
    )
    assert model(images()).shape == (32, 24, 24, 3)


def test_a_dictionary_passes_its_labels_through():
    layer = kc.augment.RandomResizedCrop(16)
    labels = np.eye(4, dtype="float32")
    out = layer({"images": images(4), "labels": labels}, seed=[0, 0])
    assert out["images"].shape == (4, 16, 16, 3)
    np.testing.assert_array_equal(out["labels"], labels)
    with pytest.raises(ValueError, match=r"bounding_boxes.*Received: "):
        layer({"images": images(4), "bounding_boxes": np.zeros((4, 1, 4))})


def test_it_round_trips_and_ignores_the_global_policy(policy):
    keras.config.set_dtype_policy("mixed_bfloat16")
    again = type(policy).from_config(policy.get_config())
    assert again.compute_dtype == "float32"
    batch = images()
    np.testing.assert_array_equal(policy(batch, seed=[3, 4]), again(batch, seed=[3, 4]))


def test_bad_pixels_are_named():
    policy = kc.augment.simclr(32)
    floats = images().astype("float32")
    for bad in (floats, np.full_like(floats, np.nan), -floats / 255):
        with pytest.raises(tf.errors.InvalidArgumentError, match="Received: min"):
            policy(bad, seed=[0, 0])
    with pytest.raises(TypeError, match=r"uint8.*Received: dtype int32"):
        policy(images().astype("int32"), seed=[0, 0])
    with pytest.raises(ValueError, match=r"height, width.*Received: shape"):
        policy(images()[0], seed=[0, 0])


def test_bad_lists_of_layers_are_named():
    with pytest.raises(ValueError, match=r"`layers`.*Received: \[\]"):
        kc.augment.Policy([])
    with pytest.raises(TypeError, match=r"`layers`.*Received: "):
        kc.augment.Policy([lambda x: x])
    with pytest.raises(ValueError, match=r"`strength`.*Received: 3"):
        kc.augment.simclr(32, strength=3)


def test_simclr_has_the_papers_table():
    crop, jitter, blur = kc.augment.simclr(224).layers
    assert crop.area == (0.08, 1.0)
    assert crop.ratio == (3 / 4, 4 / 3)
    assert crop.flip_rate == 0.5
    assert (jitter.brightness, jitter.contrast, jitter.saturation) == (0.8, 0.8, 0.8)
    assert (jitter.hue, jitter.rate, jitter.grey_rate) == (0.2, 0.8, 0.2)
    assert (blur.rate, blur.sigma, blur.kernel_share) == (0.5, (0.1, 2.0), 0.1)
    crop, jitter = kc.augment.simclr(32, strength=0.5, blur=False).layers
    assert (jitter.brightness, jitter.contrast, jitter.saturation) == (0.4, 0.4, 0.4)
    assert jitter.hue == 0.1


def test_moco_s_policies_have_the_papers_tables():
    crop, jitter = kc.augment.moco_v1(224).layers
    assert crop.area == (0.2, 1.0)
    assert (jitter.rate, jitter.grey_rate, jitter.hue) == (1.0, 0.2, 0.4)
    assert jitter.brightness == jitter.contrast == jitter.saturation == 0.4
    crop, jitter, blur = kc.augment.moco_v2(224).layers
    assert crop.area == (0.2, 1.0)
    assert (jitter.rate, jitter.grey_rate, jitter.hue) == (0.8, 0.2, 0.1)
    assert jitter.brightness == jitter.contrast == jitter.saturation == 0.4
    assert (blur.rate, blur.sigma) == (0.5, (0.1, 2.0))


def test_pirl_has_the_papers_table():
    crop, jitter = kc.augment.pirl(224).layers
    assert (crop.area, crop.flip_rate) == ((0.08, 1.0), 0.5)
    assert (jitter.brightness, jitter.contrast, jitter.saturation) == (0.4, 0.4, 0.4)
    assert (jitter.hue, jitter.rate, jitter.grey_rate) == (0.2, 1.0, 0.2)
    assert len(kc.augment.pirl(224, blur=True).layers) == 3
