import time

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_contrastive.data import describe, load

IMAGE = tfds.features.Image(shape=(2, 3, 1))


def made(folder, features, count, shards=1, **change):
    """Writes a set called "mine" as a user of tfds would; its code is then gone."""

    def element(i):
        values = {
            "image": np.full((2, 3, 1), i, np.uint8),
            "label": i % 3,
            "id": f"number {i}",
        }
        return {key: (values | change)[key] for key in features}

    tfds.dataset_builders.store_as_tfds_dataset(
        name="mine",
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={"train": [(i, element(i)) for i in range(count)]},
        data_dir=folder,
        download_config=tfds.download.DownloadConfig(num_shards=shards),
    )


def test_elements_are_image_label_and_position(tmp_path):
    label = tfds.features.ClassLabel(names=["a", "b", "c"])
    made(tmp_path, {"image": IMAGE, "label": label, "id": tfds.features.Text()}, 7)
    dataset = load("mine", "train", tmp_path)
    assert int(dataset.cardinality()) == 7
    assert dataset.element_spec == {
        "image": tf.TensorSpec((2, 3, 1), tf.uint8),
        "label": tf.TensorSpec((), tf.int64),
        "id": tf.TensorSpec((), tf.int64),
    }
    elements = list(dataset.as_numpy_iterator())
    assert [x["id"] for x in elements] == list(range(7))
    assert sorted(x["image"].max() for x in elements) == list(range(7))
    assert all(np.all(x["image"] % 3 == x["label"]) for x in elements)


def test_other_pictures_do_not_come_along(tmp_path):
    mask = np.zeros((2, 3, 1), np.uint8)
    made(tmp_path, {"image": IMAGE, "mask": IMAGE}, 2, mask=mask)
    elements = list(load("mine", "train", tmp_path).as_numpy_iterator())
    assert sorted(elements[0]) == ["id", "image"]


def test_shards_are_read_one_after_the_other(tmp_path):
    made(tmp_path, {"image": IMAGE}, 120, shards=3)

    def values(split):
        return [int(x["image"][0, 0, 0]) for x in load("mine", split, tmp_path)]

    shards = [values(f"train[{i}shard]") for i in range(3)]
    assert min(map(len, shards)) > 16  # tfds's own block of interleaved reading
    assert values("train") == [*shards[0], *shards[1], *shards[2]]


def test_a_slice_has_ids_of_its_own(data_dir):
    whole = list(load("contrastive_digits", "test", data_dir))
    part = list(load("contrastive_digits", "test[290:]", data_dir))
    assert [int(x["id"]) for x in part] == list(range(10))
    assert [int(x["label"]) for x in part] == [int(x["label"]) for x in whole[290:]]


def test_order_is_the_same_in_every_pass_and_ignores_the_global_seed(data_dir):
    dataset = load("contrastive_digits", "validation", data_dir)
    tf.random.set_seed(1)
    first = [int(x["label"]) for x in dataset]
    tf.random.set_seed(2)
    assert [int(x["label"]) for x in dataset] == first


def test_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    load("contrastive_digits", "train", "~/sets")
    assert (tmp_path / "sets" / "contrastive_digits").is_dir()


def test_describe(data_dir):
    digits = describe("contrastive_digits", data_dir)
    assert digits.image_shape == (8, 8, 1)
    assert digits.num_classes == 10
    assert digits.class_names == tuple("0123456789")
    assert digits.splits == {"train": 1197, "validation": 300, "test": 300}


def test_set_without_labels(tmp_path):
    made(tmp_path, {"image": IMAGE}, 2)
    assert describe("mine", tmp_path).num_classes is None
    assert describe("mine", tmp_path).class_names == ()
    assert set(load("mine", "train", tmp_path).element_spec) == {"image", "id"}


def test_labels_that_are_no_single_integer_are_left_out(tmp_path):
    label = tfds.features.Tensor(shape=(2,), dtype=np.float32)
    made(tmp_path, {"image": IMAGE, "label": label}, 2, label=[0.5, 0.5])
    assert describe("mine", tmp_path).num_classes is None
    assert set(load("mine", "train", tmp_path).element_spec) == {"image", "id"}


def test_integer_labels_without_classes(tmp_path):
    made(tmp_path, {"image": IMAGE, "label": tfds.features.Scalar(np.uint8)}, 2)
    assert describe("mine", tmp_path).num_classes is None
    assert load("mine", "train", tmp_path).element_spec["label"].dtype == tf.int64


def test_unprepared_stops_at_once_and_says_what_to_do(tmp_path):
    start = time.monotonic()
    with pytest.raises(FileNotFoundError) as caught:
        load("cifar10", "train", tmp_path)
    assert time.monotonic() - start < 10
    for part in ("cifar10", str(tmp_path), "download=True", "--download", "Received:"):
        assert part in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_default_folder_is_named(monkeypatch):
    with pytest.raises(FileNotFoundError, match="tensorflow_datasets"):
        load("cifar10", "train")


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"existing folder.*absent"):
        load("cifar10", "train", tmp_path / "absent")


@pytest.mark.parametrize("name", ["cifar1O", "cifar", "CIFAR_10"])
def test_unknown_name_lists_close_ones(name):
    with pytest.raises(ValueError, match=r"close to it: .*cifar10\b.*Received: name="):
        load(name, "train")


def test_unknown_name_close_to_the_digits():
    with pytest.raises(ValueError, match="close to it: contrastive_digits"):
        load("contrastive_digit", "train")


@pytest.mark.parametrize("name", ["glue/nothing", "mnist:99.0.0", "", "a b"])
def test_malformed_name(name):
    with pytest.raises(ValueError, match=r"`name` must.*Received: name="):
        load(name, "train")


def test_community_names_are_not_looked_up():
    with pytest.raises(ValueError, match="network"):
        load("kubric:movi_a", "train")


def test_set_without_images_names_its_features():
    with pytest.raises(ValueError, match=r"'image'.*idx, label, sentence"):
        load("glue", "train")


def test_sixteen_bit_images_are_refused(tmp_path):
    deep = tfds.features.Image(shape=(2, 3, 1), dtype=np.uint16)
    made(tmp_path, {"image": deep}, 1, image=np.full((2, 3, 1), 999, np.uint16))
    with pytest.raises(ValueError, match="uint8 image"):
        load("mine", "train", tmp_path)


@pytest.mark.parametrize("split", ["valid", "train[", "train[:0]"])
def test_unknown_or_empty_split(data_dir, split):
    with pytest.raises(ValueError, match=r"test, train, validation.*Received: split="):
        load("contrastive_digits", split, data_dir)


def test_split_that_is_no_string(data_dir):
    with pytest.raises(TypeError, match="`split`"):
        load("contrastive_digits", 3, data_dir)


def test_name_that_is_no_string():
    with pytest.raises(TypeError, match="`name`"):
        load(None, "train")
