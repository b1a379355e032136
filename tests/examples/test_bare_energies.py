"""The energy models' steps beside those by hand."""

import importlib
import pathlib

import pytest

BENCHMARKS = pathlib.Path(__file__).parents[2] / "examples" / "benchmarks"
METHODS = ["rbm_cd", "rbm_pcd", "langevin_pcd", "noise_contrastive"]
METHODS += ["score_matching", "denoising_score_matching", "pseudo_likelihood"]
METHODS += ["ratio_matching", "minimum_probability_flow", "maximum_likelihood"]


@pytest.fixture
def module(monkeypatch):
    """The script, small, which finds the modules beside it as when it is run."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    module = importlib.import_module("bare_energies")
    for name, value in (("BITS", 49), ("HIDDEN", 20), ("NODES", 8)):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module, "PARTICLES", module.PARTICLES | {"particles": 20})
    return module


@pytest.mark.parametrize("method", METHODS)
def test_every_energy_model_is_its_step_by_hand(method, module, capsys):
    assert list(module.METHODS) == METHODS
    # It stops where their losses differ.
    module.main([f"--methods={method}", "--turns=1", "--calls=1", "--batch_size=8"])
    rows = capsys.readouterr().out.splitlines()[2:]
    (name, *cells), *more = [x[2:-2].split(" | ") for x in rows]
    assert (name, more) == (method, [])
    assert all(float(cell.split()[0].replace(",", "")) > 0 for cell in cells)


@pytest.mark.parametrize("method", ["rbm_pcd", "langevin_pcd", "score_matching"])
def test_a_step_of_another_loss_is_not_timed(method, module, monkeypatch):
    size, make, by_hand = module.METHODS[method]

    def wrong(model, x):
        parts = by_hand(model, x)

        def loss(given):
            value, kept = parts.loss(given)
            return 1.01 * value, kept

        return parts._replace(loss=loss)

    monkeypatch.setitem(module.METHODS, method, (size, make, wrong))
    with pytest.raises(ValueError, match=f"{method}'s two sides must have the same"):
        module.check(method, 8)
