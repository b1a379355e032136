import numpy as np
import pytest

from keras_contrastive.plots import plot_runs

NAN = float("nan")
RUNS = {
    "a": {"loss": [3.0, 2.0], "knn_accuracy": [0.5, 0.7], "other": [0, 0]},
    "b": {"epoch": [0, 4, 8], "loss": [9, NAN, 1], "knn_accuracy": [0.1, 0.2, None]},
}


def panels(figure):
    """The lines of each panel: title -> name -> points."""
    return {
        ax.get_title(): {x.get_label(): x.get_xydata().tolist() for x in ax.get_lines()}
        for ax in figure.axes
    }


def test_a_panel_a_measure_and_a_line_a_run():
    assert panels(plot_runs(RUNS, ["knn_accuracy", "loss"])) == {
        "knn accuracy": {"a": [[1, 0.5], [2, 0.7]], "b": [[0, 0.1], [4, 0.2]]},
        "loss": {"a": [[1, 3], [2, 2]], "b": [[0, 9], [8, 1]]},
    }


def test_a_run_has_one_colour_and_the_legend_says_which():
    figure = plot_runs(RUNS, ["loss", "knn_accuracy"])
    (legend,) = figure.legends
    named = {
        text.get_text(): line.get_color()
        for text, line in zip(legend.get_texts(), legend.get_lines(), strict=True)
    }
    assert len(set(named.values())) == 2
    for ax in figure.axes:
        assert {x.get_label(): x.get_color() for x in ax.get_lines()} == named


def test_scales_are_logarithmic_where_asked():
    figure = plot_runs(RUNS, ["loss", "knn_accuracy"], log=["loss"])
    assert [ax.get_yscale() for ax in figure.axes] == ["log", "linear"]


@pytest.mark.parametrize("count", [1, 3, 4])
def test_nothing_overlaps(count):
    run = {name: np.arange(1, 4) for name in "abcd"}
    figure = plot_runs({"one": run, "two": run, "three": run}, list("abcd")[:count])
    figure.canvas.draw()
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    boxes.append(figure.legends[0].get_window_extent())
    for i, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y0 >= 0
        assert box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[:i])


@pytest.mark.parametrize(
    ("runs", "measures", "words"),
    [
        ({}, ["loss"], r"at least one each. Received: \[\]"),
        (RUNS, [], r"at least one each. Received: \['a', 'b'\] and \[\]"),
        (RUNS, ["loss", "other"], "Received: run 'b' without other"),
        ({"a": {"loss": []}}, ["loss"], "one length.*Received: run 'a'"),
        ({"a": {"loss": [1], "x": [1, 2]}}, ["loss", "x"], "Received: .*'x': 2"),
        ({"a": {"loss": ["low"]}}, ["loss"], "numbers. Received: "),
    ],
)
def test_what_cannot_be_drawn(runs, measures, words):
    with pytest.raises(ValueError, match=words):
        plot_runs(runs, measures)
