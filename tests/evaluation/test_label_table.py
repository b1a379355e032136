import pytest

from keras_contrastive.evaluation import LabelEfficiency, label_efficiency_table

PIXELS = [
    LabelEfficiency(1, 5, 0.4567, 0.0312, 0.5, 0.1),
    LabelEfficiency(None, 1, 0.9, None, 1.0, None),
]
OURS = [
    LabelEfficiency(1, 5, 0.81, 0.02, 0.805, 0.0249),
    LabelEfficiency(None, 1, 0.955, None, 0.975, None),
]
RESULTS = {"raw pixels": PIXELS, "ours": OURS}


def test_plain_text_is_aligned():
    assert label_efficiency_table(RESULTS).splitlines() == [
        "accuracy, %  kNN, 1/class  kNN, all  linear, 1/class  linear, all",
        "raw pixels     45.7 ± 3.1      90.0      50.0 ± 10.0        100.0",
        "ours           81.0 ± 2.0      95.5       80.5 ± 2.5         97.5",
    ]


def test_markdown():
    lines = label_efficiency_table({"a|b": OURS}, markdown=True).splitlines()
    assert lines == [
        "| accuracy, % | kNN, 1/class | kNN, all | linear, 1/class | linear, all |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| a\\|b | 81.0 ± 2.0 | 95.5 | 80.5 ± 2.5 | 97.5 |",
    ]


@pytest.mark.parametrize("results", [{}, {"a": []}, {"a": PIXELS, "b": OURS[:1]}])
def test_bad_input(results):
    with pytest.raises(ValueError, match=r"`results` must .* Received: "):
        label_efficiency_table(results)
