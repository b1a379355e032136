import numpy as np
import pytest
from matplotlib.colors import to_hex

from keras_contrastive.plots import plot_neighbours
from tests.plots.test_plot_energies import assert_inside, numbered, pictures

ROWS = np.array([[3, 0, 5], [1, 1, 2]])


def test_a_row_shows_the_query_and_then_its_nearest():
    queries, images = numbered(2, 4, 5), 0.5 + numbered(6, 4, 5)
    figure = plot_neighbours(queries, images, ROWS, title="seen")
    shown, columns = pictures(figure, 4, 5)
    assert columns == 5
    for number, row in enumerate(ROWS):
        line = [x[0] for x in shown[5 * number : 5 * number + 5]]
        np.testing.assert_allclose(line[0], queries[number])
        assert np.unique(line[1]).tolist() == [1.0]
        np.testing.assert_allclose(line[2:], images[row])
    assert not figure.axes[0].patches
    assert figure.axes[0].get_title() == "seen"
    assert_inside(figure)


def test_a_frame_says_whether_the_class_is_the_query_s():
    labels = np.array([7, 7, 8, 7, 7, 8])
    images = np.zeros((6, 4, 5, 3), np.uint8)
    figure = plot_neighbours(images[:2], images, ROWS, [7, 8], labels)
    frames = figure.axes[0].patches
    colors = [to_hex(frame.get_edgecolor()) for frame in frames]
    green, red = to_hex("tab:green"), to_hex("tab:red")
    assert colors == [green, green, red, red, red, green]
    # In the gap around the first that was found, behind the query and the blank.
    assert frames[0].get_xy() == (12, 0)
    assert (frames[0].get_width(), frames[0].get_height()) == (6, 5)
    assert frames[5].get_xy() == (24, 5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rows": [[0, 1]]}, "`rows` must be integers from 0 to 5"),
        ({"rows": [[0], [6]]}, "`rows` must be integers from 0 to 5"),
        ({"rows": np.zeros((2, 1))}, "`rows` must be integers"),
        ({"images": np.zeros((6, 4, 4))}, "`images` must have the queries' shape"),
        ({"labels": np.zeros(6)}, "`query_labels` must be given"),
        ({"query_labels": np.zeros(2)}, "`labels` must be given"),
        (
            {"query_labels": np.zeros(2), "labels": np.zeros(5)},
            r"`labels` must be of shape \(6,\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(options, words):
    arguments = {"queries": np.zeros((2, 4, 5)), "images": np.zeros((6, 4, 5))}
    with pytest.raises(ValueError, match=words):
        plot_neighbours(**arguments | {"rows": ROWS} | options)
