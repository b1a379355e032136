import importlib.util

import numpy as np
import pytest

from keras_contrastive.evaluation import Index

BACKENDS = [
    "exact",
    pytest.param(
        "faiss",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("faiss") is None, reason="extra retrieval"
        ),
    ),
]


def features(count, seed=0):
    rng = np.random.default_rng(seed)
    # Lengths that would decide if they were not divided out.
    return rng.normal(size=(count, 12)) * rng.uniform(0.01, 100, (count, 1))


def slow(bank, query, k, left=None):
    """One pair at a time."""
    cosines = [
        row @ query / np.linalg.norm(row) / np.linalg.norm(query) for row in bank
    ]
    order = [i for i in np.argsort(cosines)[::-1] if i != left][:k]
    return np.array(cosines)[order], order


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_nearest_are_the_slow_loop_s(backend):
    bank, queries = features(80), features(9, seed=1)
    index = Index(bank, backend)
    assert len(index) == 80
    found = index.nearest(queries, k=7)
    for number, query in enumerate(queries):
        cosines, rows = slow(bank, query, 7)
        np.testing.assert_array_equal(found.rows[number], rows)
        np.testing.assert_allclose(found.similarity[number], cosines, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_query_of_the_index_can_be_left_out(backend):
    bank = features(30)
    chosen = np.array([4, 17, 0])
    # A copy of a row is as near as the row itself, and is no reason to drop it.
    bank[5] = bank[4]
    index = Index(bank, backend)
    assert index.nearest(bank[chosen], k=1).similarity.min() > 0.999
    found = index.nearest(bank[chosen], k=29, leave_out=chosen)
    for number, row in enumerate(chosen):
        assert row not in found.rows[number]
        assert len(set(found.rows[number].tolist())) == 29
        cosines, _ = slow(bank, bank[row], 29, left=row)
        np.testing.assert_allclose(found.similarity[number], cosines, atol=1e-6)
    assert found.rows[0, 0] == 5


def test_a_row_to_leave_out_may_be_far_away():
    bank = np.eye(12)[:6] + 0.01 * features(6)
    found = Index(bank, "exact").nearest(bank[:1], k=2, leave_out=[5])
    _, rows = slow(bank, bank[0], 2, left=5)
    np.testing.assert_array_equal(found.rows[0], rows)


def test_without_a_word_the_library_is_taken_where_it_is(monkeypatch):
    found = importlib.util.find_spec("faiss") is not None
    assert Index(features(3)).backend == ("faiss" if found else "exact")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert Index(features(3)).backend == "exact"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"queries": np.zeros((2, 5))}, "`queries` must have 12 columns"),
        ({"k": 0}, "`k` must be at least 1"),
        ({"k": 21}, "`k` must be at most 20"),
        ({"k": 20, "leave_out": [0, 1]}, "`k` must be at most 19"),
        ({"leave_out": [0]}, "`leave_out` must be integers from 0 to 19"),
        ({"leave_out": [0, 20]}, "`leave_out` must .* from 0 to 20"),
        ({"leave_out": [0.0, 1.0]}, "`leave_out` must be integers from 0 to 19"),
        ({"queries": np.full((2, 12), np.nan)}, "`queries` must be finite"),
    ],
)
def test_what_does_not_fit_is_refused(options, words):
    index = Index(features(20), "exact")
    arguments = {"queries": features(2, seed=1), "k": 3} | options
    with pytest.raises(ValueError, match=words):
        index.nearest(**arguments)


def test_what_cannot_be_an_index_is_refused():
    with pytest.raises(ValueError, match=r"`backend` must be .* Received: 'annoy'"):
        Index(features(3), "annoy")
    with pytest.raises(ValueError, match="`features` must hold at least one row"):
        Index(np.zeros((0, 3)))
    with pytest.raises(TypeError, match="`k` must be an integer"):
        Index(features(3), "exact").nearest(features(1), k=1.0)
