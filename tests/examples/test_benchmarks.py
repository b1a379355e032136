import importlib.util
import json
import pathlib

import numpy as np
import tensorflow as tf

import keras_contrastive as kc

BENCHMARKS = pathlib.Path(__file__).parents[2] / "examples" / "benchmarks"


def benchmark(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def strokes(count):
    """Stands for MNIST: bars that stand and bars that lie, in [0, 1]."""
    images = np.random.default_rng(0).uniform(0, 0.1, (count, 28, 28, 1))
    images[::2, 6:22, 12:16] = 0.9
    images[1::2, 12:16, 6:22] = 0.9
    return images.astype(np.float32), np.arange(count) % 2


def test_the_streaming_benchmark_measures_both_ways(capsys):
    benchmark("streaming_nt_xent").main([64], block_size=48, calls=1)
    row = capsys.readouterr().out.splitlines()[-1]
    batch, dense, streaming, *peaks = row.strip("| ").split(" | ")
    assert batch == "64"
    assert float(dense) >= 0
    assert float(streaming) >= 0
    assert all(float(peak.replace(",", "")) > 100 for peak in peaks)


def test_memory_costs_measures_every_memory(monkeypatch):
    module = benchmark("memory_costs")
    for name, (_, make) in module.MEMORIES.items():
        monkeypatch.setitem(module.MEMORIES, name, ((1000, 2000), make))
        table = module.table(name, module.measure(name, repeats=2))
        assert "2,000" in table


def test_the_sampler_benchmark_walks():
    small = ["--batch_size=8", "--steps=5", "--repeats=2"]
    results = benchmark("sampler_throughput").main(small)
    for name in ("langevin", "gibbs_with_gradients"):
        assert results[name]["keras_contrastive"] > 0


def test_the_rbm_benchmark_times_all_of_them(monkeypatch, capsys):
    few = ["rbm_updates.py", "--images=20", "--batches=10", "--repeats=1"]
    monkeypatch.setattr("sys.argv", few)
    benchmark("rbm_updates").main()
    row = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert row["batch"] == 10
    names = {"cd", "pcd", "scikit-learn", "five products"}
    assert set(row["images_per_second"]) == names
    assert min(row["images_per_second"].values()) > 0


def test_the_benchmark_of_the_plane_measures_a_divergence():
    row = benchmark("energies_2d").run("gaussians", "dsm", epochs=1, seed=0)
    assert 0 < row["kl"] < 20


def test_the_benchmark_of_the_dimension_measures_an_error():
    row = benchmark("pcd_dimension").run(2, epochs=1, seed=0)
    assert row["d"] == 2
    assert 0 < row["fisher_divergence"] < 10


def test_the_scaling_benchmark_measures_and_predicts(capsys):
    benchmark("scaling_parts").parts(1, [16], repeats=1)
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[1] for row in rows[2:]] == [
        "gather",
        "nt_xent",
        "info_nce",
        "enqueue",
        "bank_update",
        "bank_sample",
    ]
    predicted = benchmark("scaling_model").predicted
    # A batch eight times as large: as much more to gather, and the same gradients.
    small, large = (predicted("SimCLR", 64, b) for b in (8_192, 65_536))
    np.testing.assert_allclose(large["gathers"] / small["gathers"], 8)
    np.testing.assert_allclose(large["logits"] / small["logits"], 64)
    assert large["sums"] == small["sums"]


def test_the_convolutional_energy_draws_chains_and_counts(
    monkeypatch, tmp_path, capsys
):
    module = benchmark("energy_mnist")
    monkeypatch.setattr(module, "images_of", lambda *_: strokes(128))
    out = str(tmp_path / "energy.png")
    few = ["x", "--data_dir=x", "--steps=2", "--chain_steps=2", "--filters=4,4"]
    monkeypatch.setattr("sys.argv", [*few, "--sampling_steps=10", f"--out={out}"])
    module.main()
    row = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert sum(row["classes_of_samples"]) == 100
    assert row["distance_to_nearest"] > 0
    names = {path.name for path in tmp_path.iterdir()}
    assert {"energy.png", "energy_chain.png", "energy_energies.png"} <= names


def test_the_stack_is_compared_with_a_random_start(monkeypatch, capsys):
    module = benchmark("stacked_dae_mnist")
    images, labels = strokes(200)
    flat = images.reshape(200, -1), labels
    monkeypatch.setattr(module, "images_of", lambda *_: flat)
    for name, budget in module.BUDGETS.items():
        monkeypatch.setitem(module.BUDGETS, name, budget._replace(epochs=5))
    small = ["--units=16,16", "--rates=0.1,0.1", "--epochs=1"]
    few = ["--budgets=100,all", "--draws=1", *small]
    monkeypatch.setattr("sys.argv", ["x", "--data_dir=x", *few])
    module.main()
    pretraining, few, every = map(json.loads, capsys.readouterr().out.splitlines()[-3:])
    assert len(pretraining["error"]) == 2
    assert few["labels"] == "100"
    for kind in ("pretrained", "random start"):
        assert 0 <= every[kind] <= 60


def test_the_large_bank_is_searched_in_little_memory(monkeypatch, capsys):
    small = ["x", "--rows=20000", "--dim=64", "--classes=10", "--queries=50"]
    monkeypatch.setattr("sys.argv", small)
    benchmark("knn_large").main()
    row = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert row["accuracy"] > 0.9
    assert row["extra_gib"] < 1


def test_label_efficiency_goes_on_and_reads_the_test_images_last(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.syspath_prepend(BENCHMARKS)
    module = benchmark("label_efficiency_cifar10")
    read = []

    def images_of(split, data_dir):
        read.append(split)
        rng = np.random.default_rng(len(split))
        images = rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
        return images, np.arange(40) % 10

    def train(method, images, epochs, rate, seed, make):
        return make(), 1

    small = {"name": "convnet", "filters": (4, 4, 4, 4)}
    net = module.Net(small, "float32", 1, {"1%": (1, (1e-3, 1e-2))})
    monkeypatch.setattr(module, "images_of", images_of)
    monkeypatch.setattr(module.methods_cifar10, "train", train)
    monkeypatch.setattr(module.kc.data, "load", lambda *_: None)
    monkeypatch.setattr(module, "NETS", {"small": net})
    monkeypatch.setattr(module, "BUDGETS", {"1%": 2})
    few = ["x", "--data_dir=none", f"--kept={tmp_path}", "--budgets=1%", "--draws=2"]
    monkeypatch.setattr("sys.argv", few)
    module.main()
    assert "test" not in read
    first = (tmp_path / "rows.jsonl").read_text()
    # Two rates for the first draw and one for the second, of both starts.
    rows = [json.loads(line) for line in first.splitlines()]
    assert [row.get("draw") for row in rows] == [0, 0, 1, None, 0, 0, 1, None]
    monkeypatch.setattr("sys.argv", [*few, "--split=test"])
    monkeypatch.setattr(module.kc.evaluation, "fine_tune", None)
    module.main()
    rows = (tmp_path / "rows.jsonl").read_text().removeprefix(first).splitlines()
    rows = [json.loads(row) for row in rows]
    assert [row["split"] for row in rows] == ["test"] * 5
    assert "| small | 1% | " in capsys.readouterr().out


def test_augmentation_is_timed_beside_stock_layers(monkeypatch, capsys):
    few = ["x", "--sides=16", "--batch=4", "--turns=1", "--seconds=0.01"]
    monkeypatch.setattr("sys.argv", few)
    benchmark("augmentation").main()
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [
        "| 16 px, without blur",
        "| 16 px, with blur",
    ]
    rates = [cell.split()[0] for row in rows for cell in row.split(" | ")[1:]]
    assert len(rates) == 4
    assert all(int(rate.replace(",", "")) > 0 for rate in rates)


def test_the_parts_of_a_step_add_up(monkeypatch, capsys):
    few = ["x", "--batch_size=4", "--side=16", "--turns=1"]
    monkeypatch.setattr("sys.argv", few)
    benchmark("step_profile").main()
    rows = [x.split(" | ") for x in capsys.readouterr().out.splitlines()[2:]]
    *parts, whole = [float(row[1]) for row in rows if len(row) == 3]
    assert abs(sum(parts) - whole) < 0.3 * len(parts)


def test_every_axis_of_growth_has_a_step(monkeypatch):
    module = benchmark("growth")
    monkeypatch.setattr(module, "BATCH", 8)
    for axis, point in {"image": 16, "queue": 16, "bank": 64, "views": 3}.items():
        row = module.measure(axis, point, seconds=0.01)
        assert row[axis] == point
        assert row["images_per_second"] > 0


def test_a_preset_is_made_and_measured_as_it_is_read(monkeypatch, tmp_path):
    module = benchmark("make_presets")
    rng = np.random.default_rng(0)

    def images(count):
        parts = {
            "image": rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8),
            "label": np.arange(count) % 2,
            "id": np.arange(count),
        }
        return tf.data.Dataset.from_tensor_slices(parts)

    monkeypatch.setattr(module.benchmark, "BATCH", 16)
    train = images(240)
    short = module.benchmark.train

    def few_steps(*arguments):
        return short(*arguments, most_steps=2)

    monkeypatch.setattr(module.benchmark, "train", few_steps)
    trunk = module.trained("SimCLR", train, 1, tmp_path)
    again = module.trained("SimCLR", train, 1, tmp_path)
    assert all(map(np.array_equal, trunk.get_weights(), again.get_weights()))
    held_out = {"validation": images(20), "test": images(30)}
    name, about = module.make("simclr", trunk, train, held_out, 1, tmp_path)
    card = kc.encoders.presets["convnet_simclr_cifar10"]
    assert name == card["name"]
    assert about.keys() < card.keys()
    assert about["settings"].keys() == card["settings"].keys()
    encoder = kc.encoders.from_preset(tmp_path / name)
    bank = kc.evaluation.extract_features(encoder, train)
    measured = module.benchmark.accuracies(encoder, bank, held_out["test"])
    assert about["accuracy"]["test"] == measured
    assert set(module.PRESETS.values()) <= set(module.benchmark.METHODS)
    for key, views in (
        ("pirl_jigsaw", "pirl(32)"),
        ("dae", "with Gaussian noise of 0.2"),
    ):
        assert module.card(key, 10)["settings"]["views"] == views
