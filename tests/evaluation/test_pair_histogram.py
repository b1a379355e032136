import numpy as np
import pytest

from keras_contrastive.evaluation import pair_histogram


def views(count=7, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, count, dim))


def test_pairs_are_counted_as_a_slow_loop_counts_them():
    first, second = views()
    cosines = {True: [], False: []}
    for i, x in enumerate(first):
        for j, y in enumerate(second):
            cosine = x @ y / np.linalg.norm(x) / np.linalg.norm(y)
            cosines[i == j].append(cosine)
    found = pair_histogram(first, second, bins=8)
    for counts, mean, expected in (
        (found.positives, found.positive_mean, cosines[True]),
        (found.negatives, found.negative_mean, cosines[False]),
    ):
        slow = np.zeros(8, int)
        for cosine in expected:
            slow[int((cosine + 1) / 0.25)] += 1
        np.testing.assert_array_equal(counts, slow)
        assert mean == pytest.approx(np.mean(expected))
    assert (found.positives.sum(), found.negatives.sum()) == (7, 7 * 6)


def test_rounding_loses_no_pair():
    first = views(200)[0]
    for other, cosine_bin in ((3 * first, -1), (-first, 0)):
        found = pair_histogram(first, other)
        assert found.positives[cosine_bin] == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.ones((3, 2)), np.ones((2, 2))), r"shapes \(3, 2\) and \(2, 2\)"),
        ((np.ones((1, 2)), np.ones((1, 2))), "at least 2 images"),
        ((np.ones((2, 2)), np.full((2, 2), np.nan)), "`second` must be finite"),
        ((np.ones((2, 2)), np.ones((2, 2)), 0), "`bins` must be at least 1"),
    ],
)
def test_what_is_no_pair_of_views_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        pair_histogram(*arguments)
