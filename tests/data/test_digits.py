import hashlib
import os
import pathlib
import socket

import numpy as np
import pytest
from sklearn.datasets import load_digits

from keras_contrastive.data import describe, digits, load

SIZES = {"train": 1197, "validation": 300, "test": 300}


@pytest.fixture(scope="module")
def arrays(data_dir):
    """Images, labels and ids of each split."""
    return {
        name: next(iter(load("contrastive_digits", name, data_dir).batch(2000)))
        for name in SIZES
    }


def test_splits_are_the_same_on_every_machine():
    rows = digits.split_rows(load_digits().target)
    digest = hashlib.sha256()
    for name in SIZES:
        digest.update(rows[name].astype("<i8").tobytes())
    assert digest.hexdigest()[:16] == "e0e34b2e61945630"


def test_splits_divide_the_rows_and_the_classes():
    labels = load_digits().target
    rows = digits.split_rows(labels)
    assert {name: len(part) for name, part in rows.items()} == SIZES
    assert sorted(np.concatenate(list(rows.values()))) == list(range(1797))
    for name, part in rows.items():
        share = np.bincount(labels) * SIZES[name] / 1797
        assert np.all(np.abs(np.bincount(labels[part]) - share) < 2)
        # In random order, not class after class: neighbours agree one time in ten.
        assert np.mean(np.diff(labels[part]) == 0) < 0.2


def test_images_and_labels_are_those_of_scikit_learn(arrays):
    original = load_digits()
    for name, rows in digits.split_rows(original.target).items():
        read = arrays[name]
        assert read["image"].shape == (SIZES[name], 8, 8, 1)
        assert read["image"].dtype == "uint8"
        np.testing.assert_allclose(
            read["image"][..., 0], original.images[rows] * 255 / 16, atol=0.5
        )
        np.testing.assert_array_equal(read["label"], original.target[rows])


def test_ids_count_each_split(arrays):
    for name, size in SIZES.items():
        np.testing.assert_array_equal(arrays[name]["id"], np.arange(size))


def test_two_processes_at_once_leave_one_whole_set(two_processes):
    folder, words = two_processes
    assert [x.name for x in folder.iterdir()] == ["contrastive_digits"]
    assert [x.name for x in (folder / "contrastive_digits").iterdir()] == ["1.0.0"]
    assert describe("contrastive_digits", folder).splits == SIZES
    assert words[0] == words[1]


def test_a_process_that_loses_the_race_uses_the_winners_files(tmp_path, monkeypatch):
    prepare = digits._prepare_quietly

    def overtaken(builder):
        prepare(builder)
        if builder.data_dir_root != tmp_path:
            prepare(digits.ContrastiveDigits(data_dir=tmp_path))

    monkeypatch.setattr(digits, "_prepare_quietly", overtaken)
    assert len(load("contrastive_digits", "test", tmp_path)) == 300
    assert not list(tmp_path.glob("incomplete*"))


def test_is_known_to_tfds_by_name_and_reads_in_order(data_dir):
    import tensorflow_datasets as tfds

    read = tfds.load("contrastive_digits", split="test", data_dir=data_dir)
    np.testing.assert_array_equal([x["id"] for x in read], np.arange(300))


def test_is_made_in_silence_without_a_network(tmp_path, monkeypatch, capfd):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert len(load("contrastive_digits", "train", tmp_path / "new" / "folder")) == 1197
    assert capfd.readouterr().out == ""


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"can be written to.*Received: data_dir=.*file"):
        load("contrastive_digits", "train", tmp_path / "file")
    os.chmod(tmp_path, 0o500)
    if not os.access(tmp_path, os.W_OK):  # root may write anywhere
        with pytest.raises(OSError, match="can be written to"):
            load("contrastive_digits", "train", tmp_path)


def test_a_prepared_folder_is_not_written_to(data_dir):
    def times():
        return {x: x.stat().st_mtime_ns for x in pathlib.Path(data_dir).rglob("*")}

    before = times()
    load("contrastive_digits", "train", data_dir)
    assert times() == before
