import importlib.util
import pathlib

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
