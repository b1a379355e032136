import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.data import batches, load, views


def arrays(dataset):
    return [tf.nest.map_structure(lambda x: x.numpy(), batch) for batch in dataset]


def test_batches_hold_views_labels_and_ids(numbered, noise):
    dataset = views(numbered(20, text="x"), noise, 8, count=3)
    assert int(dataset.cardinality()) == 2
    spec = dataset.element_spec
    assert set(spec) == {"views", "label", "id"}
    assert isinstance(spec["views"], tuple)
    assert spec["views"] == (tf.TensorSpec((8, 2, 2, 1), tf.float32),) * 3
    for batch in arrays(dataset):
        for view in batch["views"]:
            # The image is its id / 255, and the noise lies in [0, 1).
            drawn = view - (batch["id"] / 255).reshape(8, 1, 1, 1)
            assert drawn.min() >= -1e-6
            assert drawn.max() < 1


def test_only_what_the_input_has(numbered, noise):
    images = numbered(8).map(lambda x: {"image": x["image"]})
    assert set(views(images, noise, 4).element_spec) == {"views"}


def test_all_views_of_all_images_in_all_epochs_differ(noise):
    same = tf.data.Dataset.range(8).map(
        lambda i: {"image": tf.zeros([2, 2, 1], tf.uint8), "id": i}
    )
    dataset = views(same, noise, 4, count=2)
    found = np.concatenate(
        [view for _ in range(3) for batch in arrays(dataset) for view in batch["views"]]
    )
    assert len(np.unique(found.reshape(len(found), -1), axis=0)) == 3 * 8 * 2


def test_another_seed_makes_other_views(numbered, noise, checksum):
    assert checksum(views(numbered(16), noise, 8, seed=1)) != checksum(
        views(numbered(16), noise, 8, seed=2)
    )


def test_order_is_that_of_batches(numbered, noise):
    made = views(numbered(40), noise, 8, seed=4)
    plain = batches(numbered(40), 8, seed=4)
    for _ in range(2):
        assert [x["id"].tolist() for x in arrays(made)] == [
            x["id"].tolist() for x in arrays(plain)
        ]


@pytest.mark.parametrize("cache_bytes", [2**31, 0])
def test_a_resumed_run_sees_the_same_views(numbered, noise, checksum, cache_bytes):
    options = {"seed": 3, "cache_bytes": cache_bytes}
    whole = views(numbered(40), noise, 8, **options)
    passes = [checksum(whole) for _ in range(3)]
    assert len(set(passes)) == 3
    resumed = views(numbered(40), noise, 8, first_epoch=1, **options)
    assert [checksum(resumed), checksum(resumed)] == passes[1:]


def test_views_do_not_depend_on_the_memory_budget(numbered, noise):
    """Seeds follow the batch's number, so only the order of the images differs."""
    images = numbered(8).map(lambda x: {**x, "image": x["image"] * 0})
    whole, buffered = (
        arrays(views(images, noise, 4, cache_bytes=size)) for size in (2**31, 0)
    )
    for one, other in zip(whole, buffered, strict=True):
        np.testing.assert_array_equal(one["views"], other["views"])


@keras.saving.register_keras_serializable(package="tests")
class Uneven(keras.layers.Layer):
    """Noise whose computation takes a time that depends on the seed."""

    def call(self, images, seed=None):
        steps = tf.cast(seed[0] % 7, tf.int32) * 300
        wait = tf.while_loop(lambda i: i < steps, lambda i: i + 1, [0])[0]
        with tf.control_dependencies([wait]):
            noise = tf.random.stateless_uniform(tf.shape(images), seed)
        return tf.cast(images, tf.float32) / 255 + noise


def test_parallel_batches_come_in_order(numbered, noise, checksum):
    uneven = checksum(views(numbered(200), Uneven(), 4))
    assert uneven == checksum(views(numbered(200), noise, 4))


def test_another_process_makes_the_same_views(two_processes, noise, checksum):
    folder, words = two_processes
    digits = load("contrastive_digits", "train", folder)
    here = checksum(views(digits, noise, 64, seed=3, first_epoch=1))
    assert [word["views"] for word in words] == [here, here]


def test_importing_the_room_leaves_heavy_packages_out(two_processes):
    assert [word["imported"] for word in two_processes[1]] == [[], []]


def test_a_shipped_policy_makes_the_same_views_twice(data_dir, checksum):
    from keras_contrastive import augment

    digits = load("contrastive_digits", "test", data_dir)

    def made():
        return checksum(views(digits, augment.digits(8), 64, seed=2))

    assert made() == made()


def test_replicas_share_the_views_of_the_global_batch(numbered, two_devices, noise):
    plain = views(numbered(32), noise, 8)
    with two_devices.scope():
        shared = two_devices.experimental_distribute_dataset(
            views(numbered(32), noise, 8)
        )
    for _ in range(2):
        for batch, parts in zip(plain, shared, strict=True):
            for view, part in zip(batch["views"], parts["views"], strict=True):
                halves = two_devices.experimental_local_results(part)
                assert [len(half) for half in halves] == [4, 4]
                np.testing.assert_array_equal(tf.concat(halves, 0), view)


@pytest.mark.parametrize("count", [0, -1])
def test_count_below_one(numbered, noise, count):
    with pytest.raises(ValueError, match=f"`count`.*Received: count={count}"):
        views(numbered(8), noise, 4, count=count)


def test_one_view(numbered, noise):
    assert len(views(numbered(8), noise, 4, count=1).element_spec["views"]) == 1


def test_policy_that_cannot_be_called(numbered):
    with pytest.raises(TypeError, match=r"`policy`.*Received: 'simclr'"):
        views(numbered(8), "simclr", 4)


def test_unfit_dataset_is_refused_as_by_batches(numbered, noise):
    with pytest.raises(ValueError, match="at least one image"):
        views(numbered(0), noise, 4)
