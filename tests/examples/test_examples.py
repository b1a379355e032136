import importlib.util
import pathlib
import types

import numpy as np
import tensorflow as tf

import keras_contrastive as kc

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def coloured(name, split, data_dir=None, download=False):
    """Stands for CIFAR-10, whose files a fresh machine lacks: ten noisy colours."""
    assert name == "cifar10"
    rng = np.random.default_rng(len(split))
    labels = np.arange(320) % 10
    colours = np.random.default_rng(0).integers(40, 215, (10, 1, 1, 3))
    noise = rng.integers(-40, 40, (320, 32, 32, 3))
    images = (colours[labels] + noise).astype(np.uint8)
    columns = {"image": images, "label": labels, "id": np.arange(320)}
    return tf.data.Dataset.from_tensor_slices(columns)


def test_simclr_cifar10_runs_and_learns(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(kc.data, "load", coloured)
    out = tmp_path / "encoder"
    example("simclr_cifar10").main(epochs=2, batch_size=64, out=str(out))
    printed = capsys.readouterr().out
    knn = float(printed.split("kNN ")[1].split("%")[0])
    assert knn > 80
    assert kc.export.load_encoder(out).image_shape == (32, 32, 3)


def test_moco_cifar10_runs_and_learns(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(kc.data, "load", coloured)
    out = tmp_path / "encoder"
    example("moco_cifar10").main(epochs=2, batch_size=64, queue_size=256, out=str(out))
    assert float(capsys.readouterr().out.split("kNN ")[1].split("%")[0]) > 80
    assert kc.export.load_encoder(out).image_shape == (32, 32, 3)


def test_feature_queue_shows_a_queue_at_work(capsys):
    example("feature_queue").main()
    printed = capsys.readouterr().out
    assert "1,024 of 1,024" in printed
    found = float(printed.split("found ")[1].split("%")[0])
    assert found > 90


def test_pirl_cifar10_runs_and_learns(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(kc.data, "load", coloured)
    out = tmp_path / "encoder"
    example("pirl_cifar10").main(negatives=64, epochs=2, batch_size=64, out=str(out))
    printed = capsys.readouterr().out
    assert float(printed.split("kNN ")[1].split("%")[0]) > 80
    assert kc.export.load_encoder(out).image_shape == (32, 32, 3)


def test_memory_bank_averages_what_it_saw(capsys):
    at_last = example("memory_bank").main(passes=8)
    printed = capsys.readouterr().out
    at_first = float(printed.split("digit: ")[1].split()[0])
    assert at_last > at_first + 0.2
    assert "4096 negatives, 0 of them in the batch" in printed


def test_why_cosine_shows_lengths_that_give_way(tmp_path, capsys):
    out = tmp_path / "why.png"
    example("why_cosine").main(epochs=3, batch_size=256, out=str(out))
    lines = capsys.readouterr().out.splitlines()
    norms = [line for line in lines if "embedding_norm" in line]
    (first, last), (longer, longest) = (
        map(float, line.split("norm ")[1].split("->")) for line in norms[1:]
    )
    assert last < 0.7 * first
    assert longest > 1.5 * longer
    assert out.stat().st_size > 10_000


def mnist(name, split, data_dir=None, download=False):
    """Stands for MNIST: two shapes on a dark ground."""
    assert name == "mnist"
    rng = np.random.default_rng(len(split))
    images = np.zeros((200, 28, 28, 1), np.uint8)
    images[::2, 6:22, 12:16] = 230
    images[1::2, 12:16, 6:22] = 230
    images += rng.integers(0, 25, images.shape, dtype=np.uint8)
    columns = {"image": images, "id": np.arange(200)}
    return tf.data.Dataset.from_tensor_slices(columns)


def test_rbm_mnist_runs_and_learns(monkeypatch, tmp_path):
    monkeypatch.setattr(kc.data, "load", mnist)
    monkeypatch.chdir(tmp_path)
    few = example("rbm_mnist").main(hidden=16, epochs=1, batch_size=50)
    more = example("rbm_mnist").main(hidden=16, epochs=20, batch_size=50)
    assert more > few + 20
    assert (tmp_path / "rbm_filters.png").is_file()
    assert (tmp_path / "rbm_chain.png").is_file()


def test_energy_2d_draws_and_measures(tmp_path, capsys):
    out = tmp_path / "energy.png"
    for method in ("pcd", "nce"):
        example("energy_2d").main(method=method, epochs=1, points=512, out=str(out))
        printed = capsys.readouterr().out
        assert 0 < float(printed.split("density: ")[1].split(" nats")[0]) < 20
        assert out.is_file()


def test_dae_spiral_finds_flat_spots_between_the_arms(tmp_path):
    spots = example("dae_spiral").main(
        "two_moons", epochs=2, points=500, units=8, out=str(tmp_path / "x.png")
    )
    assert spots.points.shape[1] == 2
    assert (tmp_path / "x.png").is_file()


def test_dae_mnist_mends_and_walks(tmp_path, capsys):
    example("dae_mnist").main(
        "contrastive_digits", units=16, epochs=1, out=str(tmp_path)
    )
    assert {p.name for p in tmp_path.iterdir()} == {
        "filters.png",
        "mended.png",
        "walk.png",
    }
    rows = capsys.readouterr().out.splitlines()[-2:]
    assert all(0.5 < float(row.split(": ")[1]) <= 1 for row in rows)


def test_tpu_simclr_runs_where_there_is_none_and_goes_on(monkeypatch, tmp_path):
    monkeypatch.setattr(kc.data, "load", coloured)
    described = types.SimpleNamespace(image_shape=(32, 32, 3))
    monkeypatch.setattr(kc.data, "describe", lambda name, data_dir: described)
    small = {
        "strategy": "default",
        "dataset": "cifar10",
        "encoder": "convnet",
        "image_size": 32,
        "folder": str(tmp_path / "run"),
    }
    model = example("tpu_simclr").main(epochs=1, **small)
    assert model.steps_taken == 5
    model = example("tpu_simclr").main(epochs=2, **small)
    assert model.steps_taken == 10
    encoder = kc.export.load_encoder(tmp_path / "run" / "encoder-2")
    assert encoder.image_shape == (32, 32, 3)
