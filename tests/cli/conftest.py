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
