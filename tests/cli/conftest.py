import contextlib

import pytest

from keras_contrastive.cli.main import main


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


@pytest.fixture
def data(data_folder, monkeypatch, tmp_path):
    """A tfds folder of the tests' own, and a fresh working directory."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_folder))
    monkeypatch.chdir(tmp_path)
    return data_folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory, data_folder):
    """A short run, finished; tests must not write to it."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    arguments = ["pretrain", f"--data_dir={data_folder}", f"--output_dir={folder}"]
    assert main([*arguments, "--epochs=4", "--checkpoint_every=1"]) == 0
    return folder


@contextlib.contextmanager
def _mocked(folder, name, sizes):
    """tfds as it would be with `name` prepared, its images made up by tfds."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.dataset_builder import FileReaderBuilder

    builder = tfds.builder(name, data_dir=folder)
    files = tfds.core.ShardedFileTemplate(
        data_dir=builder.data_dir, dataset_name=name, filetype_suffix="tfrecord"
    )
    splits = [
        tfds.core.SplitInfo(
            name=split,
            shard_lengths=[size],
            num_bytes=1,
            filename_template=files.replace(split=split),
        )
        for split, size in sizes.items()
    ]
    builder.info.set_splits(tfds.core.splits.SplitDict(splits))
    builder.data_path.mkdir(parents=True)
    builder.info.write_to_directory(builder.data_path)
    with (
        tfds.testing.mock_data(max(sizes.values()), data_dir=folder),
        pytest.MonkeyPatch.context() as patch,
    ):
        # The mock gives every split, and every slice of one, the same size.
        mocked = FileReaderBuilder._as_dataset

        def sized(self, split, **options):
            count = self.info.splits[split].num_examples
            return mocked(self, split, **options).take(count)

        patch.setattr(FileReaderBuilder, "_as_dataset", sized)
        yield


@pytest.fixture
def mocked(tmp_path):
    """Makes a dataset of tfds's catalogue that is there without a download."""
    with contextlib.ExitStack() as stack:
        yield lambda name, **sizes: stack.enter_context(
            _mocked(tmp_path / "mocked", name, sizes)
        )
