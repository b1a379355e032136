"""Retrieval: the nearest of many features, by a library or by exact search."""

import importlib.util
from typing import Any, Literal, NamedTuple

import numpy as np

from .checks import check_count, checked_features, checked_rows
from .nearest_rows import NearestRows, unit_rows_float32

Backend = Literal["faiss", "exact"]


class Neighbours(NamedTuple):
    """What `Index.nearest` returns.

    Attributes:
        similarity: Cosines `(m, k)`, float32, falling along a row.
        rows: Where they stand among the features of the index, `(m, k)` integers.
    """

    similarity: np.ndarray
    rows: np.ndarray


class Index:
    """The most similar of many features, by the cosine.

        features, labels = kc.evaluation.extract_features(encoder, images)
        index = kc.evaluation.Index(features)
        found = index.nearest(features[:8], k=5, leave_out=range(8))
        kc.plots.plot_neighbours(pictures[:8], pictures, found.rows)

    With faiss (`pip install keras-contrastive[retrieval]`) the features are kept as
    unit vectors in its `IndexFlatIP`; without, they stay as they are and are searched
    block by block, as for `knn_predict`. Both are exact: they differ where
    similarities are equal to rounding.

    Args:
        features: Rows `(n, dim)`, any real dtype and any lengths. A row of zeros has
            similarity 0 to everything.
        backend: "faiss" or "exact"; None takes faiss where it is installed.

    Raises:
        ImportError: If faiss is asked for and not installed.
        ValueError: For another shape or backend, NaN or infinity.
    """

    def __init__(self, features: Any, backend: Backend | None = None):
        features = checked_features("features", features)
        if backend not in (None, "faiss", "exact"):
            raise ValueError(
                f"`backend` must be 'faiss', 'exact' or None. Received: {backend!r}"
            )
        if backend is None:
            backend = "faiss" if importlib.util.find_spec("faiss") else "exact"
        self.backend = backend
        self._shape = features.shape
        if backend == "faiss":
            import faiss

            self._library = faiss.IndexFlatIP(features.shape[1])
            self._library.add(unit_rows_float32(features))
        else:
            self._search = NearestRows(features)

    def __len__(self) -> int:
        """Returns the number of features."""
        return self._shape[0]

    def nearest(self, queries: Any, k: int = 10, leave_out: Any = None) -> Neighbours:
        """Returns the k most similar features of each query.

        Args:
            queries: Rows `(m, dim)`, any lengths.
            k: At most n, or n - 1 with `leave_out`.
            leave_out: A row of the index for each query that is not to be found,
                `(m,)`: itself, where the queries are of the index.

        Returns:
            Their similarities and rows, the nearest first.

        Raises:
            TypeError: If `k` is not an integer.
            ValueError: If shapes, rows or `k` do not fit.
        """
        queries = checked_features("queries", queries)
        if queries.shape[1] != self._shape[1]:
            raise ValueError(
                f"`queries` must have {self._shape[1]} columns, as the index has. "
                f"Received: shape {queries.shape}"
            )
        check_count("k", k)
        left = leave_out
        if left is not None:
            left = checked_rows("leave_out", left, len(self), len(queries))
        most = len(self) - (left is not None)
        if k > most:
            raise ValueError(f"`k` must be at most {most}. Received: {k}")
        if left is None:
            return self._nearest(queries, k)
        similarity, rows = self._nearest(queries, k + 1)
        # One too many: the row to leave out, or the farthest, goes to the end.
        order = np.argsort(rows == left[:, None], axis=1, kind="stable")[:, :k]
        return Neighbours(
            np.take_along_axis(similarity, order, axis=1),
            np.take_along_axis(rows, order, axis=1),
        )

    def _nearest(self, queries: np.ndarray, k: int) -> Neighbours:
        if self.backend == "faiss":
            return Neighbours(*self._library.search(unit_rows_float32(queries), int(k)))
        similarity = np.empty((len(queries), k), np.float32)
        rows = np.empty((len(queries), k), np.int64)
        for block, cosines, found in self._search.blocks(queries, int(k)):
            similarity[block], rows[block] = cosines, found
        return Neighbours(similarity, rows)
