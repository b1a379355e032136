import numpy as np
import pytest

from keras_contrastive.plots import plot_views, save


def shown(figure):
    """The pictures, row by row, as they were given to matplotlib."""
    return [ax.get_images()[0].get_array() for ax in figure.axes]


def batch(n=3, size=4, channels=3, seed=0):
    return np.random.default_rng(seed).random((n, size, size, channels), np.float32)


def test_rows_are_images_and_columns_their_views():
    images, first, second = batch(), batch(seed=1), batch(size=6, seed=2)
    figure = plot_views(images, (first, second))
    assert [ax.get_title() for ax in figure.axes[:3]] == ["image", "view 1", "view 2"]
    assert not any(ax.get_title() for ax in figure.axes[3:])
    expected = [x for row in zip(images, first, second, strict=True) for x in row]
    for picture, original in zip(shown(figure), expected, strict=True):
        np.testing.assert_allclose(picture, original)


def test_uint8_and_unit_floats_look_the_same():
    images = (batch() * 255).astype(np.uint8)
    pair = shown(plot_views(images, [images / np.float32(255)]))
    for a, b in zip(pair[0::2], pair[1::2], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_grey_has_one_scale_for_all_and_is_crisp():
    figure = plot_views(batch(channels=1) * 0.5, [batch(channels=1)])
    for ax in figure.axes:
        drawn = ax.get_images()[0]
        assert drawn.get_clim() == (0, 1)
        assert drawn.get_cmap().name == "gray"
        assert drawn.get_interpolation() == "nearest"


def test_rows_stop_at_count():
    assert len(plot_views(batch(n=9), [batch(n=9)], count=4).axes) == 8
    assert len(plot_views(batch(n=2), [batch(n=2)], count=4).axes) == 4


def test_a_saved_sheet_shows_the_pixels(tmp_path):
    """One black and one white image: left white, right black, in the file itself."""
    from matplotlib.image import imread

    white, black = np.ones((1, 4, 4, 1)), np.zeros((1, 4, 4, 1))
    path = save(plot_views(white, [black]), tmp_path / "new" / "sheet.png")
    pixels = imread(path)[..., :3].mean(-1)
    middle = pixels[int(len(pixels) * 0.6)]
    assert middle[len(middle) // 4] == 1
    assert middle[len(middle) * 3 // 4] == 0


def test_no_state_is_left_in_pyplot():
    from matplotlib import _pylab_helpers

    plot_views(batch(), [batch()])
    assert not _pylab_helpers.Gcf.get_all_fig_managers()


@pytest.mark.parametrize("shape", [(4, 4, 3), (2, 4, 4, 2), (0, 4, 4, 3)])
def test_what_is_no_batch_of_images(shape):
    with pytest.raises(ValueError, match=r"`images`.*Received: shape"):
        plot_views(np.zeros(shape), [batch()])
    with pytest.raises(ValueError, match=r"`views\[0\]`.*Received: shape"):
        plot_views(batch(), [np.zeros(shape)])


def test_views_of_another_batch():
    with pytest.raises(ValueError, match=r"3 images. Received: 2 in views\[1\]"):
        plot_views(batch(), [batch(), batch(n=2)])


def test_no_views():
    with pytest.raises(ValueError, match="`views`"):
        plot_views(batch(), [])


def test_no_rows():
    with pytest.raises(ValueError, match="`count`"):
        plot_views(batch(), [batch()], count=0)


def test_unknown_file_format(tmp_path):
    with pytest.raises(ValueError, match=r"`path`.*\.png.*Received:.*sheet\.doc"):
        save(plot_views(batch(), [batch()]), tmp_path / "sheet.doc")
