import numpy as np
import pytest

from keras_contrastive.callbacks import TensorBoard
from keras_contrastive.callbacks.tensor_board import view_grid


def test_a_grid_has_a_row_an_image_and_a_column_a_view():
    views = np.random.default_rng(0).random((3, 2, 4, 5, 1)).astype("float32")
    grid = view_grid(views)
    assert grid.shape == (2 * 5 - 1, 3 * 6 - 1, 1)
    for column, view in enumerate(views):
        for row, image in enumerate(view):
            cell = grid[row * 5 : row * 5 + 4, column * 6 : column * 6 + 5]
            np.testing.assert_array_equal(cell, image)
    assert (grid[4] == 1).all()
    assert (grid[:, 5] == 1).all()


def test_pixels_of_either_kind_are_in_range():
    whole = np.array([0, 51, 255], np.uint8).reshape(1, 1, 3, 1)
    np.testing.assert_allclose(view_grid([whole]).ravel(), [0, 0.2, 1])
    over = np.array([-1, 0.5, 2], np.float32).reshape(1, 1, 3, 1)
    np.testing.assert_allclose(view_grid([over]).ravel(), [0, 0.5, 1])


@pytest.mark.parametrize(
    "views", [np.zeros((2, 3, 4, 4)), [np.zeros((1, 4, 4, 1)), np.zeros((1, 4, 5, 1))]]
)
def test_what_is_no_batch_of_views_is_refused(views, tmp_path):
    with pytest.raises(ValueError, match=r"`views` must be .* Received: shapes"):
        TensorBoard(tmp_path, views)
