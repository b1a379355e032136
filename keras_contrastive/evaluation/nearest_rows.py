"""Exact search for the most similar rows, in blocks."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

# Together these hold one block of similarities, (2048, 8192), to 64 MiB, and one
# block of the bank to 64 MiB however wide the features are.
_QUERY_ROWS = 2048
_BANK_ROWS = 8192
_BLOCK_NUMBERS = 2**24


class NearestRows:
    """Finds the rows of a bank with the largest cosines, the earlier of equals first.

    Queries and bank are both taken in blocks, and the bank is never copied.

    Args:
        bank: Rows `(n, dim)`, any real dtype, any lengths; finite.
    """

    def __init__(self, bank: np.ndarray):
        self.bank = bank
        self._scales = inverse_lengths(bank)

    def blocks(
        self, queries: np.ndarray, k: int
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yields blocks of queries with the cosines and rows of their nearest.

        Args:
            queries: Rows `(m, dim)`, any lengths.
            k: At most n.

        Yields:
            Which queries, as a slice of q of them; the k largest cosines `(q, k)`,
            falling; and their rows in the bank `(q, k)`.
        """
        for rows in slices(len(queries), _QUERY_ROWS):
            yield rows, *self._nearest(unit_rows_float32(queries[rows]), k)

    def _nearest(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        queries = tf.constant(queries)
        best = tf.zeros((len(queries), 0), tf.float32)
        best_rows = tf.zeros((len(queries), 0), tf.int64)
        size = min(_BANK_ROWS, max(1, _BLOCK_NUMBERS // self.bank.shape[1]))
        for rows in slices(len(self.bank), size):
            unit = self.bank[rows].astype(np.float32) * self._scales[rows]  # (b, dim)
            similarity = tf.matmul(queries, unit, transpose_b=True)  # (q, b)
            top, at = tf.math.top_k(similarity, min(k, len(unit)))
            at = tf.cast(at, tf.int64) + rows.start
            # top_k puts the lower index first among equals, and the rows found so far
            # stand before the new ones: the earlier row wins across blocks as well.
            merged = tf.concat([best, top], axis=1)
            best, order = tf.math.top_k(merged, min(k, merged.shape[1]))
            merged_rows = tf.concat([best_rows, at], axis=1)
            best_rows = tf.gather(merged_rows, order, batch_dims=1)
        return best.numpy(), best_rows.numpy()


def unit_rows_float32(features: np.ndarray) -> np.ndarray:
    """Returns rows of length 1 `(n, dim)`, float32; a zero row stays zero."""
    return features.astype(np.float32) * inverse_lengths(features)


def inverse_lengths(features: np.ndarray) -> np.ndarray:
    """Returns one over the length of each row `(n, 1)`, float32; 0 for a zero row."""
    inverse = np.zeros((len(features), 1), np.float32)
    size = max(1, _BLOCK_NUMBERS // 64 // features.shape[1])
    for rows in slices(len(features), size):
        # In float64 no square of a float32 overflows or vanishes.
        lengths = np.linalg.norm(features[rows].astype(np.float64), axis=1)
        np.divide(1.0, lengths, out=inverse[rows, 0], where=lengths > 0)
    return inverse


def slices(count: int, size: int) -> Iterator[slice]:
    """Yields slices that cover `range(count)`, `size` at a time."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
