import numpy as np
import pytest

from keras_contrastive.plots import plot_curves

NAN = float("nan")


def panels(figure):
    """The lines of each panel: title -> name -> points."""
    figure.canvas.draw()
    return {
        ax.get_title(): {x.get_label(): x.get_xydata().tolist() for x in ax.get_lines()}
        for ax in figure.axes
    }


def test_measures_are_grouped():
    names = ["loss", "val_loss", "contrastive_accuracy", "val_contrastive_accuracy"]
    names += ["embedding_std", "knn_accuracy", "learning_rate"]
    drawn = panels(plot_curves({name: [1.0, 2.0] for name in names}))
    assert {title: sorted(lines) for title, lines in drawn.items()} == {
        "loss": ["loss", "val_loss"],
        "contrastive accuracy": ["contrastive_accuracy", "val_contrastive_accuracy"],
        "embedding standard deviation": ["embedding_std"],
        "kNN accuracy": ["knn_accuracy"],
        "learning rate": ["learning_rate"],
    }


def test_epochs_count_from_one():
    assert panels(plot_curves({"loss": [3.0, 2.0]})) == {
        "loss": {"loss": [[1, 3], [2, 2]]}
    }


def test_epochs_are_those_of_the_history():
    drawn = panels(plot_curves({"epoch": [5, 7], "loss": [3.0, 2.0]}))
    assert drawn == {"loss": {"loss": [[5, 3], [7, 2]]}}


def test_gaps_are_skipped_and_their_neighbours_joined():
    history = {"loss": [1, 2, 3, 4], "knn_accuracy": [NAN, 0.5, None, 0.75]}
    drawn = panels(plot_curves(history))
    assert drawn["kNN accuracy"] == {"knn_accuracy": [[2, 0.5], [4, 0.75]]}


def test_strings_of_a_csv_file_are_read():
    drawn = panels(plot_curves({"loss": ["3.5", "", "nan", "2"]}))
    assert drawn == {"loss": {"loss": [[1, 3.5], [4, 2]]}}


def test_a_measure_without_a_number_has_no_panel():
    assert list(panels(plot_curves({"loss": [1], "knn_accuracy": [NAN]}))) == ["loss"]


def test_level_of_spread_embeddings_is_marked():
    history = {"embedding_std": [0.1, 0.2]}
    lines = panels(plot_curves(history, dim=64))["embedding standard deviation"]
    level = [points for label, points in lines.items() if "sqrt" in label]
    assert [y for _, y in level[0]] == [1 / 8, 1 / 8]
    assert len(panels(plot_curves(history))["embedding standard deviation"]) == 1


def test_collapse_is_at_the_foot_of_the_panel():
    ax = plot_curves({"embedding_std": [0.1, 0.2]}, dim=4).axes[0]
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > 0.5


def test_all_panels_show_the_same_epochs():
    figure = plot_curves({"loss": [1, 2, 3], "knn_accuracy": [NAN, NAN, 0.5]})
    limits = [ax.get_xlim() for ax in figure.axes]
    assert limits[0] == limits[1]
    assert limits[0][0] < 1
    assert limits[0][1] > 3


@pytest.mark.parametrize("measures", [1, 2, 3, 5, 6])
def test_nothing_overlaps(measures):
    names = ["loss", "contrastive_accuracy", "embedding_std", "knn_accuracy", "a", "b"]
    figure = plot_curves({name: [0.5, 0.25] for name in names[:measures]}, dim=128)
    figure.canvas.draw()
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    assert len(boxes) == measures
    for i, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0
        assert box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_arrays_are_lists():
    assert panels(plot_curves({"loss": np.array([1.0, 2.0])}))["loss"]


@pytest.mark.parametrize(
    "history", [{}, {"epoch": [1, 2]}, {"loss": [NAN]}, {"loss": [1], "val_loss": []}]
)
def test_nothing_to_draw_or_of_unequal_length(history):
    with pytest.raises(ValueError, match=r"`history`.*Received: lengths"):
        plot_curves(history)


def test_what_is_no_number():
    with pytest.raises(ValueError, match=r"`history`.*'low'.*'loss'"):
        plot_curves({"loss": ["low"]})


def test_dimension_below_one():
    with pytest.raises(ValueError, match="`dim`"):
        plot_curves({"loss": [1]}, dim=0)
