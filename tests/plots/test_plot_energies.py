import math

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.colors import to_rgba

import keras_contrastive as kc
from keras_contrastive.plots import (
    plot_chain,
    plot_energy_histograms,
    plot_energy_surface,
    plot_filters,
    plot_particles,
)


def numbered(*shape):
    """Images that differ in every pixel."""
    return np.arange(math.prod(shape), dtype=np.float32).reshape(shape) / 1e4


def pictures(figure, height, width):
    """The images of a sheet, row by row, as they were given to matplotlib."""
    whole = np.ma.filled(figure.axes[0].get_images()[0].get_array(), np.nan)
    rows = (len(whole) - 1) // (height + 1)
    columns = (whole.shape[1] - 1) // (width + 1)
    assert whole.shape[:2] == (1 + rows * (height + 1), 1 + columns * (width + 1))
    return [
        [whole[1 + r * (height + 1) :, 1 + c * (width + 1) :][:height, :width]]
        for r in range(rows)
        for c in range(columns)
    ], columns


def assert_inside(figure):
    """Nothing is cut off at the figure's edge."""
    figure.canvas.draw()
    box = figure.get_tightbbox().padded(-0.02)
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= figure.get_figwidth()
    assert box.y1 <= figure.get_figheight()


def test_particles_fill_the_sheet_row_by_row():
    particles = numbered(7, 4, 5)
    figure = plot_particles(particles.reshape(7, 20), image_shape=(4, 5), title="bits")
    shown, columns = pictures(figure, 4, 5)
    assert columns == 3
    for picture, original in zip(shown, particles, strict=False):
        np.testing.assert_array_equal(picture[0], original)
    # What is left of the last row is empty.
    assert len(shown) == 9
    assert np.unique(shown[8][0]).tolist() == [0.5]
    assert figure.axes[0].get_title() == "bits"
    assert figure.axes[0].get_images()[0].get_clim() == (0, 1)
    assert_inside(figure)


def test_particles_in_all_their_shapes():
    flat, grey = numbered(3, 16), numbered(3, 4, 4, 1)
    for given in (flat, grey, flat.reshape(3, 4, 4)):
        shown, _ = pictures(plot_particles(given), 4, 4)
        np.testing.assert_array_equal(shown[1][0], grey[1, ..., 0])
    colours = numbered(5, 4, 4, 3)
    shown, _ = pictures(plot_particles(colours, count=2), 4, 4)
    assert len(shown) == 2
    np.testing.assert_array_equal(shown[1][0], colours[1])
    whole = (grey * 255).astype(np.uint8)
    shown, _ = pictures(plot_particles(whole), 4, 4)
    np.testing.assert_allclose(shown[2][0], whole[2, ..., 0] / 255)
    shown, _ = pictures(plot_particles(np.array([[-1.0, 0.5, 0.7, 2.0]])), 2, 2)
    np.testing.assert_allclose(shown[0][0], [[0, 0.5], [0.7, 1]])


def test_a_chain_is_a_row_and_time_runs_to_the_right():
    samples = numbered(9, 4, 6)
    figure = plot_chain(samples, image_shape=(2, 3), count=3, records=5)
    shown, columns = pictures(figure, 2, 3)
    assert columns == 5
    assert len(shown) == 15
    for chain in range(3):
        for column, record in enumerate((0, 2, 4, 6, 8)):
            expected = samples[record, chain].reshape(2, 3)
            np.testing.assert_array_equal(shown[5 * chain + column][0], expected)
    ax = figure.axes[0]
    assert [x.get_text() for x in ax.get_xticklabels()] == ["1", "3", "5", "7", "9"]
    # Each number is above the middle of its column, pixels counted from their middles.
    np.testing.assert_allclose(ax.get_xticks(), [2, 6, 10, 14, 18])
    assert_inside(figure)
    figure = plot_chain(samples, (2, 3), steps=range(1000, 10_000, 1000))
    texts = [x.get_text() for x in figure.axes[0].get_xticklabels()]
    assert texts == [f"{i},000" for i in range(1, 10)]
    figure = plot_chain(samples[:2], (2, 3), steps=[0, 2_500_000])
    texts = [x.get_text() for x in figure.axes[0].get_xticklabels()]
    assert texts == ["0", "2.5e+06"]


def test_a_chain_of_a_sampler():
    rbm = kc.energies.RBM(9, 4, seed=0)
    chain = kc.samplers.Gibbs().chain(rbm, tf.zeros([3, 9]), 6, seed=(0, 1), thin=2)
    shown, columns = pictures(plot_chain(chain.samples), 3, 3)
    assert (len(shown), columns) == (9, 3)


def test_filters_from_the_longest_to_the_shortest():
    rbm = kc.energies.RBM(6, 3)
    kernel = np.zeros((6, 3), np.float32)
    kernel[:, 1] = [1, -4, 2, 0, 0, 0]
    kernel[:, 2] = [0, 0, 0, 0, 8, -2]
    rbm.kernel.assign(kernel)
    figure = plot_filters(rbm, (2, 3))
    shown, _ = pictures(figure, 2, 3)
    expected = [kernel[:, 2] / 8, kernel[:, 1] / 4, kernel[:, 0]]
    for picture, filter_ in zip(shown, expected, strict=False):
        np.testing.assert_allclose(picture[0], filter_.reshape(2, 3))
    drawn = figure.axes[0].get_images()[0]
    assert drawn.get_clim() == (-1, 1)
    red, _, blue, _ = drawn.cmap(drawn.norm(1.0))
    assert red > 2 * blue
    assert min(drawn.cmap(drawn.norm(0.0))) > 0.95
    fewer = plot_filters(kernel, (2, 3), count=1)
    assert fewer.axes[0].get_title() == "1 of 3 filters, each on its own scale"
    assert_inside(fewer)


@pytest.mark.parametrize("channels", [1, 3])
def test_filters_of_a_convolution(channels):
    kernel = np.random.default_rng(0).normal(size=(5, 4, channels, 2))
    order = np.argsort(-np.linalg.norm(kernel.reshape(-1, 2), axis=0))
    shown, _ = pictures(plot_filters(kernel), 5, 4)
    for picture, unit in zip(shown, order, strict=True):
        scaled = kernel[..., unit] / np.abs(kernel[..., unit]).max()
        expected = scaled[..., 0] if channels == 1 else (scaled + 1) / 2
        np.testing.assert_allclose(picture[0], expected)


def test_histograms_share_bins_and_have_area_one():
    generator = np.random.default_rng(0)
    sets = {
        "data": generator.normal(size=500),
        "samples": generator.normal(size=90) + 3,
    }
    figure = plot_energy_histograms(sets)
    ax = figure.axes[0]
    bars = ax.containers
    edges = [[bar.get_x() for bar in group] for group in bars[:2]]
    np.testing.assert_array_equal(*edges)
    for group, values in zip(bars[:2], sets.values(), strict=True):
        area = sum(bar.get_width() * bar.get_height() for bar in group)
        assert area == pytest.approx(1)
        middle = sum(
            bar.get_width() * bar.get_height() * (bar.get_x() + bar.get_width() / 2)
            for bar in group
        )
        assert middle == pytest.approx(values.mean(), abs=0.2)
    marks = [line.get_xdata()[0] for line in ax.get_lines()]
    np.testing.assert_allclose(marks, [x.mean() for x in sets.values()])
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[1] == f"samples: mean {sets['samples'].mean():.4g}, 90 points"
    assert_inside(figure)


def test_histograms_of_one_value():
    figure = plot_energy_histograms({"data": [2.0, 2.0]})
    assert figure.axes[0].get_lines()[0].get_xdata()[0] == 2


def arrows(figure):
    from matplotlib.quiver import Quiver

    (quiver,) = (x for x in figure.axes[0].collections if isinstance(x, Quiver))
    return quiver.XY, np.stack([quiver.U, quiver.V], 1)


def marks(figure, name):
    (drawn,) = (x for x in figure.axes[0].collections if x.get_label() == name)
    return drawn


WELL = kc.energies.Gaussian([2.0, -1.0], [[0.5, 0.0], [0.0, 0.1]])


def test_the_surface_is_lowest_where_the_energy_is():
    figure = plot_energy_surface(WELL, ((0, 4), (-3, 1)), score=False)
    figure.canvas.draw()
    ax, pixels = figure.axes[0], np.asarray(figure.canvas.buffer_rgba())[..., :3]

    def colour(x, y):
        across, up = ax.transData.transform((x, y)).round().astype(int)
        return pixels[len(pixels) - 1 - up, across].astype(float)

    # Along the flat axis the energy has risen by 1, along the steep one by 5.
    centre, flat, steep = colour(2.01, -1.01), colour(3, -1.01), colour(2.01, -2)
    assert centre.mean() > flat.mean() > steep.mean()
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 4), (-3, 1))
    assert ax.get_aspect() == 1
    assert_inside(figure)


def test_arrows_follow_the_score():
    figure = plot_energy_surface(WELL, ((0, 4), (-3, 1)))
    places, drawn = arrows(figure)
    score = WELL.score(places).numpy()
    length = np.linalg.norm(score, axis=1, keepdims=True)
    np.testing.assert_allclose(drawn, score / (1 + length) * 4 / 21, rtol=1e-4)
    assert len(places) == 21**2


def test_depth_cuts_off_the_colours_and_starts_at_the_lowest():
    def labels(**options):
        figure = plot_energy_surface(WELL, (-3, 3), score=False, nodes=33, **options)
        figure.canvas.draw()
        return [float(x.get_text()) for x in figure.axes[1].get_yticklabels()]

    assert labels(depth=8.0) == [0, 2, 4, 6, 8]
    highest = labels(depth=None)
    assert highest[0] == 0
    lowest = float(WELL([[2.0, -1.0]])[0])
    top = float(WELL([[-3.0, 3.0]])[0]) - lowest
    assert highest[-1] == pytest.approx(top, rel=0.01)


def test_a_constant_makes_no_difference():
    box = kc.energies.Gaussian([2.0, -1.0], 1.0)
    lifted = kc.energies.SumEnergy([box, kc.energies.Uniform(-1e4, 1e4, (2,))])
    lift = float(lifted([[0.0, 0.0]])[0] - box([[0.0, 0.0]])[0])
    assert lift > 15
    plain, raised = (
        plot_energy_surface(energy, (-3, 3), score=False, nodes=33)
        for energy in (box, lifted)
    )
    for figure in (plain, raised):
        figure.canvas.draw()
    difference = np.asarray(plain.canvas.buffer_rgba()).astype(int)
    difference -= np.asarray(raised.canvas.buffer_rgba())
    assert np.mean(np.abs(difference) > 8) < 0.01


def test_data_and_particles_are_told_apart():
    data, particles = kc.data.toy("rings", 50), np.array([[0.0, 1.0], [2.0, 2.0]])
    figure = plot_energy_surface(WELL, (-4, 4), data, particles, nodes=33)
    np.testing.assert_allclose(marks(figure, "data").get_offsets(), data)
    np.testing.assert_allclose(marks(figure, "particles").get_offsets(), particles)
    assert len(marks(figure, "particles").get_facecolors()) == 0
    assert tuple(marks(figure, "data").get_facecolors()[0][:3]) == to_rgba("k")[:3]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["data", "particles"]
    assert not plot_energy_surface(WELL, (-4, 4), nodes=33).legends
    assert_inside(figure)


def test_walls_and_floors():
    """Infinite energies are grey, flat ones one colour; without a warning."""
    box = kc.energies.Uniform([-1.0, -1.0], [1.0, 1.0])
    figure = plot_energy_surface(box, (-2, 2), nodes=33)
    assert_inside(figure)
    with pytest.raises(ValueError, match="finite somewhere"):
        plot_energy_surface(box, (2, 3), nodes=33)


def test_energies_of_networks_and_of_other_shapes():
    network = kc.energies.NetworkEnergy.mlp((2,), (8,))
    assert len(arrows(plot_energy_surface(network, (-1, 1), nodes=9))[0]) == 441
    column = kc.energies.Gaussian([[0.0], [1.0]])
    places, drawn = arrows(plot_energy_surface(column, (-1, 1), nodes=9))
    assert np.all(np.sign(drawn[:, 0]) == -np.sign(places[:, 0].round(6)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_particles(np.zeros((3, 7))), r"`particles`.*shape \(3, 7\)"),
        (lambda: plot_particles(np.zeros((0, 4, 4))), "`particles`"),
        (lambda: plot_particles(np.zeros((3, 4, 4, 2))), "`particles`"),
        (lambda: plot_particles(np.zeros((3, 16)), (4, 5)), r"image_shape=\(4, 5\)"),
        (lambda: plot_particles(np.full((3, 16), np.nan)), "`particles`.*finite"),
        (lambda: plot_particles(np.zeros((3, 16)), count=0), "`count`"),
        (lambda: plot_chain(np.zeros((3, 16))), r"`samples`.*\(3, 16\)"),
        (lambda: plot_chain(np.zeros((3, 2, 16)), steps=[1]), "`steps`.*3 records"),
        (lambda: plot_chain(np.zeros((3, 2, 16)), records=1), "`records`"),
        (lambda: plot_filters(np.zeros(5)), r"`weights`.*\(5,\)"),
        (lambda: plot_filters(np.zeros((5, 2))), "`weights`.*`image_shape`"),
        (lambda: plot_energy_histograms({}), "`energies`.*none"),
        (lambda: plot_energy_histograms({"a": [[1.0]]}), r"\(1, 1\) as 'a'"),
        (lambda: plot_energy_histograms({"a": [1.0, np.inf]}), "1 of them not finite"),
        (
            lambda: plot_energy_surface(kc.energies.DoubleWell(), (-1, 1)),
            r"2 reals. Received: reals of shape \(1,\)",
        ),
        (
            lambda: plot_energy_surface(kc.energies.RBM(2, 2), (-1, 1)),
            "2 reals. Received: bits",
        ),
        (lambda: plot_energy_surface(WELL, (1, -1)), "`bounds`"),
        (lambda: plot_energy_surface(WELL, (-1, 1), depth=0), "`depth`"),
        (lambda: plot_energy_surface(WELL, (-1, 1), np.zeros((4, 3))), "`data`"),
        (
            lambda: plot_energy_surface(WELL, (-1, 1), particles=np.zeros(2), nodes=9),
            "`particles`",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_surface_of_no_energy():
    with pytest.raises(TypeError, match="`energy`"):
        plot_energy_surface(lambda x: x, (-1, 1))
