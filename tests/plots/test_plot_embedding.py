import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from keras_contrastive.plots import plot_embedding


def clusters(classes=3, each=20, dim=5, distance=10.0):
    """Features about one centre a class, and the classes."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), each)
    centres = distance * generator.normal(size=(classes, dim))
    return centres[labels] + generator.normal(size=(len(labels), dim)), labels


def points(figure):
    return np.array(figure.axes[0].collections[0].get_offsets())


def colours(figure):
    return figure.axes[0].collections[0].get_facecolors()


def legend(figure):
    """Name -> colour."""
    return {
        text.get_text(): handle.get_color()
        for text, handle in zip(
            figure.legends[0].get_texts(), figure.legends[0].legend_handles, strict=True
        )
    }


def test_pca_shows_the_two_widest_directions():
    """Four corners of a flat rectangle, turned in space."""
    generator = np.random.default_rng(1)
    turn = np.linalg.qr(generator.normal(size=(6, 6)))[0]
    corners = np.array([[4, 1], [4, -1], [-4, 1], [-4, -1.0]])
    features = np.concatenate([corners, np.zeros((4, 4))], axis=1) @ turn + 7
    figure = plot_embedding(features, np.arange(4))
    drawn = points(figure)
    np.testing.assert_allclose(np.abs(drawn), [[4, 1]] * 4, atol=1e-4)
    assert len(np.unique(np.sign(drawn), axis=0)) == 4
    assert figure.axes[0].get_xlabel() == "PC 1 (94% of variance)"
    assert figure.axes[0].get_ylabel() == "PC 2 (6% of variance)"


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_a_point_has_its_class_colour_and_lies_with_its_class(method):
    features, labels = clusters()
    figure = plot_embedding(features, labels, ["ant", "bee", "cat"], method)
    by_name = {name: tuple(colour[:3]) for name, colour in legend(figure).items()}
    assert list(by_name) == ["ant", "bee", "cat"]
    drawn = [tuple(colour[:3]) for colour in colours(figure)]
    assert sorted(map(drawn.count, by_name.values())) == [20, 20, 20]
    names = [list(by_name.values()).index(colour) for colour in drawn]
    nearest = KNeighborsClassifier(5).fit(points(figure), names)
    assert nearest.score(points(figure), names) == 1
    # The class is the right one, not only some class of its own.
    generator = np.random.default_rng(0)
    kept = generator.permutation(60)
    np.testing.assert_array_equal(names, labels[kept])


def test_scales_are_equal():
    assert plot_embedding(*clusters()).axes[0].get_aspect() == 1


def test_names_follow_the_label_and_not_the_order():
    features, labels = clusters(2)
    names = ["zero", "one", "two", "three"]
    assert list(legend(plot_embedding(features, labels * 2 + 1, names))) == [
        "one",
        "three",
    ]
    assert list(legend(plot_embedding(features, labels + 3, names))) == ["three", "4"]
    assert list(legend(plot_embedding(features, labels - 1))) == ["-1", "0"]


def test_a_seeded_sample_of_a_large_set():
    generator = np.random.default_rng(0)
    features, labels = generator.normal(size=(5003, 2)), np.arange(5003) % 3
    figure = plot_embedding(features, labels)
    assert len(points(figure)) == 5000
    assert figure.axes[0].get_title() == "PCA of 5,000 of 5,003 embeddings"
    again = points(plot_embedding(features, labels))
    np.testing.assert_array_equal(points(figure), again)
    other = points(plot_embedding(features, labels, seed=1))
    assert not np.array_equal(points(figure), other)


def test_points_of_one_class_do_not_cover_the_others():
    features, labels = clusters(2, each=500)
    figure = plot_embedding(features, labels)
    first = np.all(colours(figure) == colours(figure)[0], axis=1)
    assert 150 < first[:500].sum() < 350


@pytest.mark.parametrize("classes", [2, 10, 20, 21, 100])
def test_classes_have_different_colours_and_nothing_is_cut_off(classes):
    features, labels = clusters(classes, each=3)
    names = [f"a rather long name {i}" for i in range(classes)]
    figure = plot_embedding(features, labels, names)
    assert len(np.unique(colours(figure), axis=0)) == classes
    figure.canvas.draw()
    map_box = figure.axes[0].get_tightbbox()
    assert map_box.width > 250
    if classes <= 20:
        side = figure.legends[0].get_window_extent()
    else:
        assert not figure.legends
        side = figure.axes[1].get_tightbbox()
    assert not map_box.overlaps(side)
    assert side.x1 <= figure.bbox.x1
    assert side.y0 >= 0
    assert side.y1 <= figure.bbox.y1


def test_colour_bar_names_its_ends():
    features, labels = clusters(25, each=3)
    bar = plot_embedding(features, labels, [f"c{i}" for i in range(25)]).axes[1]
    texts = [x.get_text() for x in bar.get_yticklabels()]
    assert texts[0] == "c0"
    assert texts[-1] == "c24"


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_a_collapsed_embedding_is_drawn_without_a_warning(method):
    drawn = points(plot_embedding(np.ones((9, 4)), np.zeros(9, int), method=method))
    assert np.isfinite(drawn).all()


def test_unknown_method():
    with pytest.raises(ValueError, match=r"`method`.*pca, tsne. Received: 'umap'"):
        plot_embedding(*clusters(), method="umap")


@pytest.mark.parametrize("shape", [(9,), (9, 1), (2, 4), (9, 2, 2)])
def test_features_of_another_shape(shape):
    with pytest.raises(ValueError, match=r"`features`.*Received: shape"):
        plot_embedding(np.zeros(shape), np.zeros(shape[0], int))


@pytest.mark.parametrize(
    "labels", [np.zeros(8, int), np.zeros(9), np.eye(9, dtype=int)]
)
def test_unfit_labels(labels):
    with pytest.raises(ValueError, match=r"`labels` must hold 9 integers"):
        plot_embedding(np.zeros((9, 2)), labels)


def test_features_that_are_not_finite():
    features, labels = clusters()
    features[4, 1] = np.nan
    with pytest.raises(ValueError, match="1 rows that are not, the first at 4"):
        plot_embedding(features, labels)
