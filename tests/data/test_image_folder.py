import collections
import itertools
import pathlib
import warnings

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_contrastive.data import ImageFolder, batches, image_folder
from tests.data.picture_files import BAD, GOOD, ODD, classes, encoded, picture, written


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flowers")
    return written(folder, classes({"rose": 40, "aster": 60, "tulip": 20}))


def images_by_name(folder, **options):
    """The images that a folder without classes gives, by the names of their files."""
    opened = ImageFolder(folder, **options)
    names = [x.listed.name for x in opened._slice("all")]
    elements = list(opened.load("all").as_numpy_iterator())
    return dict(zip(names, (x["image"] for x in elements), strict=True))


def test_elements_are_those_of_a_named_set(flowers):
    dataset = image_folder(flowers, "all")
    assert dataset.element_spec == {
        "image": tf.TensorSpec((12, 16, 3), tf.uint8),
        "label": tf.TensorSpec((), tf.int64),
        "id": tf.TensorSpec((), tf.int64),
    }
    elements = list(dataset.as_numpy_iterator())
    assert [x["id"] for x in elements] == list(range(120))
    assert int(dataset.cardinality()) == 120
    assert collections.Counter(x["label"] for x in elements) == {0: 60, 1: 40, 2: 20}


def test_each_image_has_its_own_label(flowers):
    names = ImageFolder(flowers).description.class_names
    assert names == ("aster", "rose", "tulip")
    wanted = {
        (path.parent.name, np.asarray(Image.open(path)).tobytes())
        for path in flowers.rglob("*.png")
    }
    found = {
        (names[x["label"]], x["image"].tobytes())
        for x in image_folder(flowers, "all").as_numpy_iterator()
    }
    assert found == wanted


def test_description(flowers):
    found = ImageFolder(flowers).description
    assert found.name == str(flowers)
    assert found.image_shape == (12, 16, 3)
    assert found.num_classes == 3
    assert sum(found.splits.values()) == 120
    assert 5 <= found.splits["test"] <= 20
    assert 5 <= found.splits["validation"] <= 20


def test_the_order_mixes_the_classes_and_is_always_the_same(flowers):
    labels = [int(x["label"]) for x in image_folder(flowers, "all")]
    tf.random.set_seed(5)
    assert [int(x["label"]) for x in image_folder(flowers, "all")] == labels
    # As often as in a random order: 119 * (1 - 1/4 - 1/9 - 1/36) = 72.7.
    changes = sum(a != b for a, b in itertools.pairwise(labels))
    assert 55 < changes < 90


def test_an_image_stays_in_its_split_when_others_come(flowers, tmp_path):
    def where(folder):
        return {x.listed.name: x.listed.split for x in ImageFolder(folder)._images}

    before = where(flowers)
    files = {str(x.relative_to(flowers)): x.read_bytes() for x in flowers.rglob("*.p*")}
    more = written(tmp_path / "elsewhere", files | classes({"dahlia": 30}))
    after = where(more)
    assert len(after) == 150
    assert {name: after[name] for name in before} == before


def test_splits_share_nothing_and_slices_are_as_in_tfds(flowers):
    folder = ImageFolder(flowers)

    def pixels(split):
        return [x["image"].tobytes() for x in folder.load(split).as_numpy_iterator()]

    parts = [set(pixels(name)) for name in ("train", "validation", "test")]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 120
    train = pixels("train")
    count = len(train)
    assert pixels("train[:50%]") + pixels("train[50%:]") == train
    assert pixels("train[3:7]") == train[3:7]
    assert pixels("train[-2:]+test") == train[-2:] + pixels("test")
    assert int(folder.load("train[90%:]").cardinality()) == count - round(0.9 * count)
    assert [int(x["id"]) for x in folder.load("train[3:7]")] == [0, 1, 2, 3]


@pytest.mark.parametrize("split", ["valid", "train[", "train[:0]", "train[999:]"])
def test_unknown_or_empty_split(flowers, split):
    with pytest.raises(ValueError, match=r"test, train, validation.*Received: split="):
        ImageFolder(flowers).load(split)


def test_folders_train_and_val_are_splits(tmp_path):
    files = {f"train/{k}": v for k, v in classes({"a": 3, "b": 2}).items()}
    files |= {f"val/{k}": v for k, v in classes({"b": 4}).items()}
    folder = ImageFolder(written(tmp_path, files))
    assert folder.description.splits == {"train": 5, "validation": 4}
    assert folder.description.class_names == ("a", "b")
    assert [int(x["label"]) for x in folder.load("validation")] == [1] * 4


def test_without_subfolders_there_are_no_labels(tmp_path):
    dataset = image_folder(written(tmp_path, GOOD), "all")
    assert set(dataset.element_spec) == {"image", "id"}
    assert ImageFolder(tmp_path).description.num_classes is None
    assert ImageFolder(tmp_path).description.class_names == ()


def test_one_subfolder_is_no_class(tmp_path):
    written(tmp_path, classes({"photos": 4}))
    assert ImageFolder(tmp_path).description.num_classes is None
    with pytest.raises(ValueError, match=r"`image_dir` must.*Received: .*'photos'"):
        ImageFolder(tmp_path, labels=True)


def test_subfolders_may_be_said_to_be_no_classes(flowers):
    dataset = image_folder(flowers, "all", labels=False)
    assert set(dataset.element_spec) == {"image", "id"}
    assert int(dataset.cardinality()) == 120


def test_images_beside_classes_are_named(tmp_path):
    written(tmp_path, {**classes({"a": 2, "b": 2}), "loose.png": GOOD["b.png"]})
    with pytest.raises(ValueError, match=r"--noimage_labels.*loose\.png"):
        ImageFolder(tmp_path)
    assert ImageFolder(tmp_path, labels=False).description.splits


def test_a_class_holds_what_lies_deeper_and_links_are_followed(tmp_path):
    files = classes({"a": 2, "b": 1})
    written(tmp_path / "set", {f"{k[0]}/deep/er/{k[2:]}": v for k, v in files.items()})
    elsewhere = written(tmp_path / "other", {"x.png": GOOD["b.png"]})
    (tmp_path / "set" / "c").symlink_to(elsewhere)
    (tmp_path / "set" / "a" / "round").symlink_to(tmp_path / "set")
    folder = ImageFolder(tmp_path / "set")
    assert folder.description.class_names == ("a", "b", "c")
    assert int(folder.load("all").cardinality()) == 4


def test_every_format_is_read(tmp_path):
    found = images_by_name(written(tmp_path, GOOD))
    assert found.keys() == GOOD.keys()
    for name, contents in GOOD.items():
        wanted = np.asarray(Image.open(written(tmp_path, {name: contents}) / name))
        if name == "e.gif":
            wanted = np.asarray(Image.open(tmp_path / name).convert("RGB"))
        error = np.abs(found[name].astype(int) - wanted).mean()
        # Decoders of JPEG and WebP differ in their rounding.
        assert error <= (0 if name in ("b.png", "c.bmp", "e.gif") else 3), name


def test_odd_files_become_ordinary_images(tmp_path):
    found = images_by_name(written(tmp_path, ODD | GOOD))
    white = found["alpha.png"][:, 8:]
    assert white.min() == 255
    opaque = np.asarray(picture(1))[:, :8]
    np.testing.assert_array_equal(found["alpha.png"][:, :8], opaque)
    grey = np.asarray(picture(2).convert("L"))[..., None]
    assert np.abs(found["grey.jpg"].astype(int) - grey).mean() < 3
    cmyk = np.asarray(picture(3)).astype(int)
    assert np.abs(found["cmyk.jpg"] - cmyk).mean() < 8
    first = np.asarray(picture(4).quantize().convert("RGB")).astype(int)
    assert np.abs(found["animated.gif"] - first).mean() < 3


def test_bad_files_are_named_and_left_out(tmp_path):
    written(tmp_path, BAD | GOOD)
    folder = ImageFolder(tmp_path)
    assert folder.bad.keys() == BAD.keys()
    assert "is empty" in folder.bad["empty.jpg"]
    assert "none of JPEG" in folder.bad["text.jpg"]
    assert "JPEG" in folder.bad["cut short.jpg"]
    assert "damaged or cut short" in folder.bad["cut short.png"]
    for name, kind in {"tiff.tif": "TIFF", "telephone.heic": "HEIC"}.items():
        assert folder.bad[name].startswith(f"is {kind}, a format that is not read")
    with pytest.warns(UserWarning, match="Left out") as caught:
        dataset = image_folder(tmp_path, "all")
    for name in BAD:
        assert name in str(caught[0].message)
    assert int(dataset.cardinality()) == len(list(dataset)) == len(GOOD)


def test_bad_files_are_refused_if_one_says_so(tmp_path):
    written(tmp_path, BAD | GOOD)
    with pytest.raises(ValueError, match="bad_files='refuse'") as caught:
        ImageFolder(tmp_path, bad_files="refuse")
    for name in BAD:
        assert name in str(caught.value)
    assert "a.jpg" not in str(caught.value).replace("alpha.jpg", "")


def test_odd_files_are_named_and_skipped_or_refused(tmp_path):
    written(tmp_path, ODD | GOOD)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert int(image_folder(tmp_path, "all").cardinality()) == len(ODD | GOOD)
    used = ImageFolder(tmp_path)
    assert used.odd.keys() == ODD.keys()
    for name, word in {
        "alpha.png": "alpha channel",
        "grey.jpg": "grey",
        "cmyk.jpg": "CMYK",
        "animated.gif": "3 frames",
    }.items():
        assert word in used.odd[name]
        assert f"{name} {used.odd[name]}" in used.report()
    skipped = ImageFolder(tmp_path, odd_files="skip")
    assert int(skipped.load("all").cardinality()) == len(GOOD)
    with pytest.raises(ValueError, match=r"(?s)odd_files='refuse'.*alpha.*grey"):
        ImageFolder(tmp_path, odd_files="refuse")


def test_a_grey_folder_has_one_channel_and_nothing_odd(tmp_path):
    files = {f"{i}.png": encoded(picture(i).convert("L"), "PNG") for i in range(3)}
    folder = ImageFolder(written(tmp_path, files))
    assert folder.description.image_shape == (12, 16, 1)
    assert folder.odd == {}
    found = images_by_name(tmp_path)
    wanted = np.asarray(picture(1).convert("L"))
    np.testing.assert_array_equal(found["1.png"][..., 0], wanted)
    coloured = images_by_name(tmp_path, channels=3)["1.png"]
    np.testing.assert_array_equal(coloured, np.repeat(wanted[..., None], 3, axis=-1))


@pytest.mark.parametrize("files", [BAD, {}, {"readme.txt": b"no picture"}])
def test_no_usable_image_is_an_error(tmp_path, files):
    with pytest.raises(ValueError, match=r"`image_dir` must.*Received: ") as caught:
        ImageFolder(written(tmp_path, files))
    assert all(name in str(caught.value) for name in files if name in BAD)


def test_other_and_hidden_files_are_passed_over(tmp_path):
    junk = {".hidden.jpg": b"", "notes.txt": b"", ".git/x.png": b"", "Thumbs.db": b"1"}
    folder = ImageFolder(written(tmp_path, junk | GOOD))
    assert folder.bad == {}
    assert int(folder.load("all").cardinality()) == len(GOOD)


def test_many_bad_files_are_counted(tmp_path):
    written(tmp_path, GOOD | {f"{i:02}.jpg": b"" for i in range(30)})
    folder = ImageFolder(tmp_path)
    assert "(30):" in folder.report()
    assert "  and 10 more" in folder.report().splitlines()
    assert folder.report(most=None).count("is empty") == len(folder.bad) == 30


def test_sizes_that_differ_need_one_to_be_batched(tmp_path):
    files = classes({"a": 3, "b": 3}) | classes({"c": 4}, height=20)
    folder = ImageFolder(written(tmp_path, files))
    assert folder.description.image_shape == (None, None, 3)
    with pytest.raises(ValueError, match="resize"):
        batches(folder.load("all"), 4)
    dataset = folder.load("all", image_size=8)
    assert dataset.element_spec["image"].shape == (8, 8, 3)
    first = next(iter(batches(dataset, 4, seed=1)))
    assert first["image"].shape == (4, 8, 8, 3)
    one = folder.load("all").take(1).get_single_element()["image"]
    wanted = tf.image.resize(one, (8, 8), antialias=True)
    ours = dataset.take(1).get_single_element()["image"]
    np.testing.assert_allclose(ours, wanted, atol=0.51)


def test_the_digest_changes_with_the_images(tmp_path):
    written(tmp_path, classes({"a": 3, "b": 3}))
    before = ImageFolder(tmp_path).digest
    assert ImageFolder(tmp_path).digest == before
    written(tmp_path, {"a/new.png": GOOD["b.png"]})
    assert ImageFolder(tmp_path).digest != before


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"bad_files": "use"}, "bad_files"),
        ({"odd_files": "drop"}, "odd_files"),
        ({"channels": 4}, "channels"),
    ],
)
def test_unknown_choices(flowers, options, name):
    with pytest.raises(ValueError, match=f"`{name}` must be one of.*Received: "):
        ImageFolder(flowers, **options)


def test_a_folder_that_is_not_there(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"`image_dir`.*absent"):
        image_folder(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match="`image_dir`"):
        image_folder(written(tmp_path, GOOD) / "a.jpg")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ImageFolder("~").path == pathlib.Path(tmp_path)
