import numpy as np
import pytest

from keras_contrastive.evaluation import PairHistogram, pair_histogram
from keras_contrastive.plots import plot_pair_similarities
from tests.plots.test_plot_energies import assert_inside


def histogram(positive, negative, bins=20):
    """One in which all pairs of a kind have one cosine."""
    counts = np.zeros((2, bins), int)
    for row, cosine in zip(counts, (positive, negative), strict=True):
        row[int((cosine + 1) / 2 * bins)] = 9
    return PairHistogram(*counts, positive, negative)


def drawn(figure):
    """Each side's bars: where they are, up to where, and the energies they span."""
    return [patch.get_data() for patch in figure.axes[0].patches]


def test_positives_go_down_and_negatives_up():
    figure = plot_pair_similarities(
        {0: histogram(0.05, 0.05), 9: histogram(0.95, -0.55)}
    )
    ax = figure.axes[0]
    words = [x.get_text() for x in ax.get_xticklabels()]
    assert words == ["before training", "after epoch 9"]
    positive, negative = (line.get_ydata() for line in ax.get_lines())
    np.testing.assert_allclose(positive, [-0.05, -0.95])
    np.testing.assert_allclose(negative, [-0.05, 0.55])
    (left, edges, base), (right, _, _) = drawn(figure)[1], drawn(figure)[3]
    # Left and right of the second place, each as far as the other.
    assert base == 1
    assert left.max() < 1 < right.min()
    assert 1 - left.min() == pytest.approx(right.max() - 1)
    np.testing.assert_allclose(sorted(edges), [-1.0, -0.9])
    assert_inside(figure)


def test_bars_hold_every_pair():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(60, 6))
    second = first + 0.5 * rng.normal(size=(60, 6))
    found = pair_histogram(first, second)
    figure = plot_pair_similarities({"now": found})
    for (bars, edges, base), counts in zip(
        drawn(figure), (found.positives, found.negatives), strict=True
    ):
        heights = np.abs(bars - base)
        width = round((edges[0] - edges[1]) * 100)
        # As a few bars each as they take, and their mean is the pairs'.
        assert len(heights) < 60
        middles = (edges[1:] + edges[:-1]) / 2
        centre = -(np.arange(200) / 100 - 0.995) @ counts / counts.sum()
        assert middles @ heights / heights.sum() == pytest.approx(
            centre, abs=0.005 * width
        )
        assert edges.min() >= -1 - 1e-9
    # The same from the embeddings themselves.
    again = plot_pair_similarities({"now": (first, second)})
    for ours, theirs in zip(drawn(again), drawn(figure), strict=True):
        np.testing.assert_allclose(ours[0], theirs[0])
    assert_inside(again)


@pytest.mark.parametrize(
    "moments",
    [
        {},
        {"x": (np.zeros((3, 2)), np.zeros((2, 2)))},
        {"x": (np.zeros((1, 2)), np.zeros((1, 2)))},
        {"x": (np.zeros((3, 2)),)},
    ],
)
def test_what_is_no_pair_of_views_is_refused(moments):
    with pytest.raises(ValueError, match="`moments` must hold"):
        plot_pair_similarities(moments)
