import numpy as np
import pytest

from keras_contrastive.plots import plot_pair_similarities
from tests.plots.test_plot_energies import assert_inside


def test_positives_are_views_of_one_image_and_negatives_of_two():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(20, 6))
    # The same directions, at other lengths: every positive's cosine is 1.
    figure = plot_pair_similarities(
        {
            "before": (first, rng.normal(size=(20, 6))),
            "after": (first, first * rng.uniform(0.1, 9, (20, 1))),
        }
    )
    assert [ax.get_title() for ax in figure.axes] == ["before", "after"]
    unit = first / np.linalg.norm(first, axis=1, keepdims=True)
    cosines = unit @ unit.T
    negative = cosines[~np.eye(20, dtype=bool)].mean()
    words = [x.get_text() for x in figure.axes[1].get_legend().get_texts()]
    assert words == [f"negatives, mean {negative:.2f}", "positives, mean 1.00"]
    assert "positives, mean 1.00" not in [
        x.get_text() for x in figure.axes[0].get_legend().get_texts()
    ]
    # Bins over [-1, 1], each set of area 1.
    bars = figure.axes[1].patches
    areas = [
        sum(b.get_width() * b.get_height() for b in bars[i:][:60]) for i in (0, 60)
    ]
    np.testing.assert_allclose(areas, 1)
    assert bars[119].get_height() > 0
    assert_inside(figure)


@pytest.mark.parametrize(
    "moments",
    [
        {},
        {"x": (np.zeros((3, 2)), np.zeros((2, 2)))},
        {"x": (np.zeros((1, 2)), np.zeros((1, 2)))},
    ],
)
def test_what_is_no_pair_of_views_is_refused(moments):
    with pytest.raises(ValueError, match="`moments` must hold"):
        plot_pair_similarities(moments)
