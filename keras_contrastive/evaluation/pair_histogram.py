"""The energy as contrastive learning sees it: how alike the images of a pair are."""

from typing import Any, NamedTuple

import numpy as np

from .checks import check_count, checked_features
from .representation import unit_rows


class PairHistogram(NamedTuple):
    """What `pair_histogram` returns: the cosines of pairs, counted.

    Attributes:
        positives: Pairs of two views of one image, in bins of equal width from -1 to
            1, `(bins,)` integers.
        negatives: Pairs of views of two images, in the same bins.
        positive_mean: Cosine of a positive pair on average.
        negative_mean: Cosine of a negative pair on average.
    """

    positives: np.ndarray
    negatives: np.ndarray
    positive_mean: float
    negative_mean: float


def pair_histogram(first: Any, second: Any, bins: int = 200) -> PairHistogram:
    """Counts the cosines of positive and of negative pairs.

    Minus the cosine is the energy of a pair, which training pushes down for positives
    and up for negatives.

    Args:
        first: Embeddings of the first views of n images, at least 2, `(n, dim)`.
        second: Embeddings of their second views, in the same order, `(n, dim)`.
        bins: Number of bins.

    Returns:
        The counts of n positive and n (n - 1) negative pairs, and their means.

    Raises:
        TypeError: If `bins` is not an integer.
        ValueError: For wrong or different shapes, fewer than two images, values that
            are not finite, or `bins` below 1.
    """
    first, second = checked_features("first", first), checked_features("second", second)
    check_count("bins", bins)
    if first.shape != second.shape or len(first) < 2:
        raise ValueError(
            "`first` and `second` must be two views (n, dim) of at least 2 images. "
            f"Received: shapes {first.shape} and {second.shape}"
        )
    # Rounding may leave them a little outside.
    cosines = np.clip(unit_rows(first) @ unit_rows(second).T, -1, 1)
    positive = np.diag(cosines)
    negative = cosines[~np.eye(len(cosines), dtype=bool)]
    return PairHistogram(
        *(np.histogram(x, bins, (-1, 1))[0] for x in (positive, negative)),
        *(float(x.mean()) for x in (positive, negative)),
    )
