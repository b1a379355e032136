import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.evaluation.test_flat_spots import TwoModes, data
from tests.plots.test_plot_energies import assert_inside


def identity(shape):
    same = keras.Sequential([keras.Input(shape), keras.layers.Activation("linear")])
    return kc.energies.ReconstructionEnergy(same)


def test_arrows_end_where_points_are_sent_and_false_spots_are_marked():
    energy = TwoModes()
    spots = kc.evaluation.flat_spots(energy, (-3, 3), data(), off_data=0.3)
    figure = kc.plots.plot_vector_field(energy, (-3, 3), data(), spots)
    ax = figure.axes[0]
    crosses = ax.collections[-1].get_offsets()
    np.testing.assert_allclose(crosses, [[0, 0]], atol=1e-3)
    quiver = next(x for x in ax.collections if hasattr(x, "U"))
    at = np.stack([quiver.X, quiver.Y], 1)
    field = energy.field(at.astype(np.float32)).numpy()
    drawn = np.stack([quiver.U, quiver.V], 1)
    room = 6 / 21
    length = np.linalg.norm(field, axis=1, keepdims=True)
    np.testing.assert_allclose(
        drawn, field * np.minimum(1, room / np.maximum(length, 1e-9)), atol=1e-4
    )
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["data", "flat spots off the data"]
    assert len(figure.legends) == 1
    assert_inside(figure)


def test_the_growth_is_drawn_with_its_fit_and_the_theory():
    growth = kc.evaluation.energy_growth(
        kc.energies.Gaussian([0.0, 0.0], 1.0),
        [[0.0, 0.0]],
        [[0.0, 1.0]],
        [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0],
    )
    figure = kc.plots.plot_energy_growth(growth, expected=0.5)
    ax = figure.axes[0]
    fit, theory = ax.get_lines()[-2:]
    np.testing.assert_allclose(fit.get_ydata()[-1], growth.energies[-1], rtol=1e-4)
    np.testing.assert_allclose(theory.get_ydata()[-1], 4.5)
    assert [x.get_text() for x in ax.get_legend().get_texts()][1] == "theory: 0.5 d²"
    assert_inside(figure)


def test_a_segment_shows_its_false_minimum():
    found = kc.evaluation.flat_spots_between(TwoModes(), [-2.5, 0.0], [3.5, 0.0])
    figure = kc.plots.plot_segment(found, "from here to there")
    ax = figure.axes[0]
    false, other = (x.get_offsets() for x in ax.collections)
    np.testing.assert_allclose(false[:, 0], [2.5 / 6], atol=0.01)
    assert len(other) == 2
    assert ax.get_title() == "from here to there"
    assert_inside(figure)


def test_reconstructions_stand_below_what_they_were_made_of():
    images = np.random.default_rng(0).uniform(size=(3, 4, 4, 1)).astype(np.float32)
    masks = {"half": kc.augment.Masking(0.5), "all": kc.augment.Masking(1.0)}
    figure = kc.plots.plot_reconstructions(identity([4, 4, 1]), images, masks)
    shown = figure.axes[0].get_images()[0].get_array()
    rows = [shown[1 + 5 * row : 5 + 5 * row, 1:5] for row in range(5)]
    np.testing.assert_allclose(rows[0], images[0, ..., 0])
    damaged = masks["half"](images, seed=[0, 0]).numpy()[0, ..., 0]
    np.testing.assert_allclose(rows[1], damaged)
    np.testing.assert_allclose(rows[2], damaged)
    assert not rows[3].any()
    names = [x.get_text() for x in figure.axes[0].get_yticklabels()]
    assert names == ["clean", "half", "→", "all", "→"]
    flat = kc.plots.plot_reconstructions(identity([16]), images, masks)
    np.testing.assert_allclose(flat.axes[0].get_images()[0].get_array(), shown)
    assert_inside(figure)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (
            lambda: kc.plots.plot_vector_field(
                kc.energies.Gaussian([0.0, 0], 1.0), (-1, 1)
            ),
            TypeError,
            "`energy`",
        ),
        (
            lambda: kc.plots.plot_reconstructions(identity([4]), np.ones([2, 4]), {}),
            ValueError,
            "`corruptions`",
        ),
    ],
)
def test_bad_arguments_are_refused(call, kind, words):
    with pytest.raises(kind, match=rf"(?s){words}.*Received: "):
        call()
