import numpy as np
import pytest

from keras_contrastive.plots import plot_confusion
from tests.plots.test_plot_energies import assert_inside


def test_a_row_is_a_true_class_and_sums_to_one():
    labels = np.array([0, 0, 0, 0, 1, 1, 4])
    predicted = np.array([0, 0, 0, 1, 1, 0, 7])
    figure = plot_confusion(labels, predicted, ["cat", "dog"])
    ax = figure.axes[0]
    shares = ax.get_images()[0].get_array()
    expected = np.zeros((4, 4))
    expected[0, :2] = 0.75, 0.25
    expected[1, :2] = 0.5, 0.5
    expected[2, 3] = 1
    np.testing.assert_allclose(shares, expected)
    rows = [x.get_text() for x in ax.get_yticklabels()]
    assert rows == ["cat  75%", "dog  50%", "4  0%", "7  (none)"]
    assert {x.get_text() for x in ax.texts} == {"75", "25", "50", "100"}
    assert ax.get_title() == "57.1% right"
    assert_inside(figure)


def test_many_classes_have_no_numbers():
    labels = np.arange(40)
    assert not plot_confusion(labels, labels[::-1]).axes[0].texts


@pytest.mark.parametrize(
    ("labels", "predicted", "words"),
    [
        ([0, 1], [0], "`predicted` must be one class an image"),
        ([], [], "`labels` must be one class an image"),
        ([0.0], [0], "`labels` must be integers"),
    ],
)
def test_what_is_no_pair_of_classes_is_refused(labels, predicted, words):
    with pytest.raises(ValueError, match=words):
        plot_confusion(labels, predicted)
