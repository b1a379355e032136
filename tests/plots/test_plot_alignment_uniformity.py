import numpy as np
import pytest

from keras_contrastive.plots import plot_alignment_uniformity
from tests.plots.test_plot_energies import assert_inside

NAN = float("nan")
RUN = {
    "epoch": [1, 2, 3, 4],
    "uniformity": [-0.5, NAN, -1.0, -2.0],
    "alignment": [0.4, NAN, None, 0.2],
}


def test_a_line_a_run_through_what_was_measured():
    other = {"uniformity": [-3.0, -3.5], "alignment": [0.1, 0.3]}
    figure = plot_alignment_uniformity({"mine": RUN, "theirs": other})
    ax = figure.axes[0]
    mine, theirs = ax.get_lines()
    np.testing.assert_array_equal(mine.get_xydata(), [[-0.5, 0.4], [-2.0, 0.2]])
    np.testing.assert_array_equal(theirs.get_xydata(), [[-3.0, 0.1], [-3.5, 0.3]])
    words = [x.get_text() for x in figure.legends[0].get_texts()]
    assert words == ["mine, epochs 1 to 4", "theirs, epochs 1 to 2"]
    assert mine.get_color() != theirs.get_color()
    # A ring at the beginning and a disc at the end.
    ends = [(x.get_offsets()[0].tolist(), x.get_facecolor()[0]) for x in ax.collections]
    assert [place for place, _ in ends] == [
        [-0.5, 0.4],
        [-2.0, 0.2],
        [-3.0, 0.1],
        [-3.5, 0.3],
    ]
    assert ends[0][1].tolist() == [1, 1, 1, 1] != ends[1][1].tolist()
    assert "uniformity" in ax.get_xlabel()
    assert "alignment" in ax.get_ylabel()
    assert_inside(figure)


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ({}, "`runs` must hold at least one"),
        ({"a": {"uniformity": [1.0]}}, "'a' without alignment"),
        ({"a": {"uniformity": [1.0], "alignment": [NAN]}}, "both were measured"),
        ({"a": {"uniformity": [1.0], "alignment": [1.0, 2.0]}}, r"lengths \[1, 2, 1\]"),
    ],
)
def test_what_has_no_path_is_refused(runs, words):
    with pytest.raises(ValueError, match=words):
        plot_alignment_uniformity(runs)
