import importlib.util
import json
import pathlib
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc

BENCHMARKS = pathlib.Path(__file__).parents[2] / "examples" / "benchmarks"


@pytest.fixture(autouse=True)
def siblings(monkeypatch):
    """A script finds the modules beside it, as it does when it is run."""
    monkeypatch.syspath_prepend(BENCHMARKS)


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


# Stands for a process of the peer's environment.
FAKE_PEER = """
import json, sys
print(json.dumps({ready}), flush=True)
for line in sys.stdin:
    print(json.dumps({answers}[0 if "make" in line else 1]), flush=True)
"""


def fake_peer(folder, ready, *answers):
    """Returns a program that answers `{"make": ...}` and all else."""
    path = folder / "peer"
    code = FAKE_PEER.format(ready=repr(ready), answers=repr(answers))
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(0o755)
    return f"--peer_python={path}"


def test_sides_take_turns_at_going_first():
    turns, order = benchmark("turns"), []

    def side(name, rate):
        order.append(name)
        return rate

    sides = {"a": lambda: side("a", 2.0), "b": lambda: side("b", 4.0)}
    rates = turns.take_turns(sides, 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert turns.spread(rates["b"] / rates["a"], ".1f") == "2.0 (2.0 to 2.0)"
    assert turns.spread([1, 1000, 3000]) == "1,000 (1 to 3,000)"
    assert turns.head("x", "n") + "\n" + turns.row("a", 1) == (
        "| x | n |\n| --- | ---: |\n| a | 1 |"
    )


def test_a_peer_that_ends_is_an_error(tmp_path):
    turns = benchmark("turns")
    with pytest.raises(RuntimeError, match="exit status 3"):
        turns.Peer([sys.executable, "-c", "raise SystemExit(3)"])


def test_the_sampler_benchmark_walks_beside_its_peers(tmp_path, capsys):
    both = {"langevin": ["PyTorch", "torchebm"], "gibbs_with_gradients": ["PyTorch"]}
    peers = {"samplers": {**both, "ais": []}}
    peer = fake_peer(tmp_path, peers, None, {"seconds": 0.5})
    small = ["--batch_size=8", "--steps=5", "--repeats=2", "--temperatures=3"]
    results = benchmark("sampler_throughput").main([*small, peer])
    assert list(results["langevin"]) == ["keras_contrastive", "PyTorch", "torchebm"]
    assert list(results["gibbs_with_gradients"]) == ["keras_contrastive", "PyTorch"]
    for rates in results.values():
        assert rates["keras_contrastive"].min() > 0
        np.testing.assert_allclose(rates.get("PyTorch", 80), 80)
    assert "| langevin | torchebm | 80 (80 to 80) | " in capsys.readouterr().out


def test_the_sampler_benchmark_stops_at_another_log_z(tmp_path):
    theirs = {"langevin": [], "gibbs_with_gradients": [], "ais": ["PyTorch"]}
    peers = {"samplers": theirs}
    peer = fake_peer(tmp_path, peers, None, {"seconds": 0.5, "log_z": 0.0})
    small = ["--batch_size=8", "--steps=5", "--repeats=1", "--temperatures=3"]
    with pytest.raises(RuntimeError, match="nats apart"):
        benchmark("sampler_throughput").main([*small, peer])


def test_the_rbm_benchmark_times_all_of_them(monkeypatch, capsys):
    few = ["rbm_updates.py", "--images=20", "--batches=10", "--repeats=1"]
    monkeypatch.setattr("sys.argv", few)
    benchmark("rbm_updates").main()
    rows = [x[2:-2].split(" | ") for x in capsys.readouterr().out.splitlines()[2:]]
    assert [x[1] for x in rows] == [
        "CD-1",
        "PCD",
        "PCD by hand",
        "scikit-learn",
        "six products",
    ]
    rates = [float(x[2].split()[0].replace(",", "")) for x in rows]
    assert min(rates) > 0
    assert abs(float(rows[2][3].split()[0]) - rates[1] / rates[2]) < 0.02 + 1 / rates[2]


def test_what_lies_between_epochs_is_measured(capsys):
    benchmark("between_epochs").main(["--images=400", "--epochs=2", "--turns=1"])
    rows = [x[2:-2].split(" | ") for x in capsys.readouterr().out.splitlines()[2:]]
    assert [x[:2] for x in rows] == [["400", "as it is"], ["400", "tuned"]]
    for _, _, wait, epoch in rows:
        assert float(wait.split()[0].replace(",", "")) >= 0
        assert float(epoch.split()[0]) > 0


def bare_steps(monkeypatch):
    """Returns the benchmark with a net of four filters."""
    module, create = benchmark("bare_steps"), kc.encoders.create
    monkeypatch.setattr(
        module.kc.encoders,
        "create",
        lambda name, shape: create(name, shape, filters=(4, 4, 4, 4)),
    )
    monkeypatch.setattr(module, "QUEUE", 16)
    return module


@pytest.mark.parametrize("method", ["simclr", "moco"])
def test_the_hand_written_step_is_the_library_s(monkeypatch, method):
    module = bare_steps(monkeypatch)
    monkeypatch.setattr(module, "WEIGHT_DECAY", 0.0)
    keras.utils.set_random_seed(0)
    views = tuple(tf.random.uniform([8, 32, 32, 3]) for _ in range(2))
    models = [module.make_model("convnet", method, "float32") for _ in range(2)]
    models[1].set_weights(models[0].get_weights())
    hand = module.hand_written_step(models[1], views, method)
    if method == "moco":
        # The library's queue is empty at first, and that is not the hand's.
        losses = [float(hand()) for _ in range(6)]
        assert losses[-1] < losses[0]
        return
    step = module.library_step(models[0], {"views": views})
    ours = []
    for _ in range(3):
        models[0].reset_metrics()
        ours.append(float(step()))
    theirs = [float(hand()) for _ in range(4)][1:]
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-4)
    np.testing.assert_allclose(ours[1:], theirs[1:], rtol=0.02)


def test_bare_steps_are_compared_at_equal_precision(monkeypatch, tmp_path, capsys):
    module = bare_steps(monkeypatch)
    settings = ["float32", "float32, channels last", "bfloat16"]
    model = module.make_model("convnet", "simclr", "float32")
    made = {
        "parameters": model.encoder.count_params() + model.projection.count_params(),
        "settings": settings,
        "errors": {"bfloat16, compiled": "no compiler"},
    }
    statistics = [v for v in model.variables if "moving" in v.path]
    made["parameters"] -= sum(int(np.prod(v.shape)) for v in statistics)
    ready = {"torch": "0", "threads": 1}
    few = ["--nets=convnet", "--methods=simclr", "--turns=1", "--batch_size=4"]
    module.main([*few, fake_peer(tmp_path, ready, made, {"seconds": 24.0})])
    printed = capsys.readouterr().out
    assert "PyTorch, bfloat16, compiled, left out: no compiler" in printed
    assert "| convnet, simclr | PyTorch, float32 | 1.0 (1.0 to 1.0) |" in printed
    assert "| bfloat16 to PyTorch, bfloat16 | " in printed
    assert "| float32 to hand-written TensorFlow, float32 | " in printed
    # Another number is an error; the steps need not be traced again for that.
    monkeypatch.setattr(module, "library_step", lambda *_: lambda: None)
    monkeypatch.setattr(module, "hand_written_step", lambda *_: lambda: None)
    made["parameters"] += 1
    with pytest.raises(ValueError, match="as many parameters"):
        module.main([*few, fake_peer(tmp_path, ready, made, {"seconds": 24.0})])


def test_the_best_is_compared_with_the_best():
    module = benchmark("bare_steps")
    rates = {
        (module.OURS, "float32", ""): 3.0,
        (module.OURS, "bfloat16", ""): 8.0,
        (module.HAND, "float32", ""): 4.0,
        (module.TORCH, "float32", ""): 1.0,
        (module.TORCH, "float32", "compiled"): 2.0,
        (module.TORCH, "bfloat16", ""): 1.5,
    }
    rates = {side: np.array([rate]) for side, rate in rates.items()}
    assert {name: ratio[0] for name, ratio in module.pairings(rates).items()} == {
        "float32 to hand-written TensorFlow, float32": 0.75,
        "float32 to PyTorch, float32": 3,
        "float32 to PyTorch, float32, compiled": 1.5,
        "bfloat16 to PyTorch, bfloat16": 8 / 1.5,
        "bfloat16 to PyTorch, float32, compiled": 4,
    }


OTHER_METHODS = ["dcl", "supcon", "siamese_triplet", "nnclr", "moco_v3"]
OTHER_METHODS += ["pirl_rotation", "pirl_jigsaw", "dae"]


@pytest.mark.parametrize("method", OTHER_METHODS)
def test_every_other_method_is_its_step_by_hand(method, monkeypatch, capsys):
    module = benchmark("bare_methods")
    assert list(module.METHODS) == OTHER_METHODS
    # Without noise the autoencoder draws nothing, and is compared as closely.
    monkeypatch.setattr(module, "NOISE", 0.0)
    # It stops where their losses differ.
    module.main([f"--methods={method}", "--turns=1", "--steps=1", "--batch_size=8"])
    rows = capsys.readouterr().out.splitlines()[2:]
    (name, *cells), *more = [x[2:-2].split(" | ") for x in rows]
    assert (name, more) == (method, [])
    assert all(float(cell.split()[0].replace(",", "")) > 0 for cell in cells)


def test_steps_of_other_losses_are_not_compared():
    module = benchmark("bare_methods")
    alike = np.array([[5.0, 4.0], [5.0, 4.001]])
    module.check_alike("dcl", alike)
    for apart in ([[0.001, 0.0], [0.0, 0.0]], [[0.0, 0.01], [0.0, 0.0]]):
        with pytest.raises(ValueError, match="dcl's two sides must have the same"):
            module.check_alike("dcl", alike + apart)
        module.check_alike("dae", alike + apart)


def test_a_pipeline_is_compared_with_the_bare_step(monkeypatch, capsys):
    module = benchmark("input_pipeline")
    monkeypatch.setitem(module.CASES, "small", ("convnet", 32, 4, 1))
    module.main(["--cases=small", "--turns=1", "--images=8"])
    rows = [x[2:-2].split(" | ") for x in capsys.readouterr().out.splitlines()[2:]]
    assert [x[1] for x in rows] == [module.BARE, module.OURS, module.STOCK]
    assert all(float(x[2].split()[0].replace(",", "")) > 0 for x in rows)
    assert all(float(x[3].split()[0]) > 0 for x in rows[1:])


def test_the_views_of_both_pipelines_are_alike():
    module = benchmark("input_pipeline")
    jpegs = module.encoded(8, 16)
    for pipeline in (module.ours, module.stock_pipeline):
        views = next(iter(pipeline(jpegs, 16, 4)))["views"]
        assert [view.shape for view in views] == [(4, 16, 16, 3)] * 2
        assert 0 <= np.min(views) < 0.5 < np.max(views) <= 1


def test_the_end_to_end_table_is_of_the_medians():
    side = {"images_per_second": 200.0, "loss": 5.0, "knn": 0.5}
    peer = {
        "epochs": [{"images_per_second": x} for x in (20.0, 100.0, 80.0)],
        "result": {"knn_top1": 0.25, "final_loss": 6.0},
    }
    results = {"bare_step_before": 250.0, "keras_contrastive": side}
    results |= {"bare_step_after": 400.0, "lightly_passive_threads": peer}
    table = benchmark("simclr_cifar10").table(results).splitlines()
    assert table[2:] == [
        "| bare step, before | 250.0 | 0.80 |  |  |",
        "| bare step, after | 400.0 | 0.50 |  |  |",
        "| keras_contrastive, fit | 200.0 |  | 50.0 | 5.00 |",
        "| lightly passive threads | 80.0 | 2.50 | 25.0 | 6.00 |",
    ]
    del side["knn"]
    assert "25.0" not in benchmark("simclr_cifar10").table(results)


def test_one_command_runs_all_and_names_what_failed(monkeypatch, tmp_path, capsys):
    module = benchmark("run_all")
    table = "| side | what | n | ratio |\\n| --- | --- | ---: | ---: |\\n"
    table += "| a | b, c | 7 (1 to 9) | 1.50 (1.2 to 2.0) |\\n| bare | x | 5 | |"
    (tmp_path / "good.py").write_text(f'import sys\nprint("{table}", sys.argv[1:])')
    (tmp_path / "bad.py").write_text("raise SystemExit('out of luck')")
    arguments = ("--peer_python={peer_python}", "--data_dir={data_dir}", "--turns=5")
    comparisons = {"good": (arguments, ("--turns=1",)), "bad": ((), ())}
    comparisons["needy"] = comparisons["good"]
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(module, "COMPARISONS", comparisons)
    monkeypatch.setattr(module, "NEEDS", {"needy": "data_dir"})
    out = tmp_path / "out"
    given = [f"--out={out}", "--only=good,bad,needy"]
    assert module.main(given) == 1
    page = (out / "results.md").read_text()
    assert "| a | b, c | 7 (1 to 9) | 1.50 (1.2 to 2.0) |" in page
    assert "peers' rows are left out" in page
    assert "['--turns=5']" in page
    assert "## bad" in page
    assert "**Failed**, exit status 1" in page
    assert "out of luck" in page
    assert "Left out: it needs `--data_dir`" in page
    assert str(tmp_path) not in page
    assert (out / "ratios.png").stat().st_size > 1000
    assert module.ratios((out / "good.txt").read_text()) == {"a, b, c": 1.5}
    data = [f"--out={out}", "--only=good", f"--data_dir={tmp_path}", "--quick"]
    assert module.main(data) == 0
    page = (out / "results.md").read_text()
    assert f"--data_dir={tmp_path.name} --turns=5 --turns=1`" in page
    assert "the numbers mean nothing" in page
    with pytest.raises(SystemExit):
        module.main([f"--out={out}", "--only=nothing"])
    assert "--only must name some of" in capsys.readouterr().err


def test_every_comparison_is_a_script_whose_options_it_knows():
    module = benchmark("run_all")
    given = dict.fromkeys(("peer_python", "peer_data", "data_dir"), "x")
    for name in module.COMPARISONS:
        command, lacking = module.command_of(name, given, quick=True)
        assert lacking is None
        source = pathlib.Path(command[1]).read_text()
        for argument in command[2:]:
            assert f'"{argument.split("=")[0]}"' in source


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
    rates = [cell.split()[0] for row in rows for cell in row.split(" | ")[1:3]]
    assert len(rates) == 4
    assert all(int(rate.replace(",", "")) > 0 for rate in rates)


def test_a_kernels_gradients_are_timed_in_both_ways(monkeypatch, capsys):
    module = benchmark("kernel_gradients")
    small = {"small": (4, [(4, 32, 8, 1), (16, 8, 8, 1)])}
    monkeypatch.setattr(module, "NETS", small)
    module.main(["--turns=1"])
    rows = [row.split(" | ") for row in capsys.readouterr().out.splitlines()[2:]]
    assert [row[-1] for row in rows] == ["product |", "convolution |"]
    for row in rows:
        _, convolution, product, ratio = (float(x.split()[0]) for x in row[2:6])
        assert min(convolution, product) > 0
        # To a tenth of a millisecond, of very few of them.
        assert ratio >= (convolution - 0.05) / (product + 0.05) - 0.01
        assert ratio <= (convolution + 0.05) / max(product - 0.05, 1e-9) + 0.01


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


@pytest.mark.parametrize(
    ("axis", "points", "time", "parts"),
    [
        ("batch", (64, 1024, 4096, 65536), lambda n: 9 + n + n * n / 8192, (9, 1)),
        ("queue", (1024, 4096, 65536), lambda n: 60 + n / 512, (60, 1 / 512)),
        ("image", (32, 64, 96), lambda n: 3 + n * n / 256, (3, 1 / 256)),
        ("bank", (100, 32_000, 10**6), lambda n: 4 + min(n, 32_000) / 8, (4, 1 / 8)),
    ],
)
def test_a_model_of_growth_finds_what_the_times_are_made_of(axis, points, time, parts):
    found = benchmark("growth").model(
        axis, [{axis: point, "ms": time(point)} for point in points]
    )
    assert found["errors"] == [0.0] * (3 if axis == "batch" else len(points))
    model = found["model"]
    assert [model["constant"], model["slope"]] == pytest.approx(parts, rel=1e-2)
    curve = 1 / 8192 if axis == "batch" else 0
    assert model.get("curve", 0) == pytest.approx(curve, rel=0.1)


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


def test_the_cards_other_runs_are_those_of_the_results_page():
    module = benchmark("make_presets")
    page = (BENCHMARKS / "README.md").read_text()
    names = {"DAE noise": "denoising autoencoder (noise of 0.2)"}
    for method in module.PRESETS.values():
        found = module.another_run(method)
        cells = [
            f"{found[split]['knn']} / {found[split]['linear']}"
            for split in ("validation", "test")
        ]
        shown = f"| {names.get(method, method)} | {module.epochs_of(method)} | "
        assert shown + " | ".join(cells) in page
    for card in kc.encoders.presets.values():
        other = card["accuracy"]["another_run"]
        assert other == module.another_run(card["method"])


def test_startup_waits_for_the_end_and_for_the_mark():
    module = benchmark("startup")
    assert module.seconds(["--version"], None) > 0
    assert module.FIRST_STEP.search("\r\x1b[1m1/4\x1b[0m ---")
    # What is no step of the progress bar is an end without the mark.
    with pytest.raises(RuntimeError, match="keras-contrastive COMMAND --help"):
        module.seconds(["--help"], module.FIRST_STEP)
