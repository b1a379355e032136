"""What a representation looks like without any label: spread, closeness, rank."""

from typing import Any

import numpy as np

from .checks import check_positive, checked_features

# Pairs a block: 32 MiB in float64.
_PAIRS = 2**22


def alignment(z1: Any, z2: Any, alpha: float = 2.0) -> float:
    """Returns how far apart the two members of a positive pair are, on average.

    `mean_i |z1_i - z2_i|^alpha` on unit vectors (Wang & Isola 2020, "Understanding
    Contrastive Representation Learning through Alignment and Uniformity on the
    Hypersphere"). The rows are normalised here. Lower is better; 0 means that both
    views of every image coincide, which a collapsed encoder reaches too: read it
    together with `uniformity`.

    Args:
        z1: Embeddings of the first views `(n, dim)`.
        z2: Embeddings of the second views `(n, dim)`, row by row of the same image.
        alpha: Power of the distance, above 0.

    Returns:
        A number in [0, 2^alpha].

    Raises:
        ValueError: For wrong or different shapes, values that are not finite, or
            `alpha` not above 0.
    """
    first, second = checked_features("z1", z1), checked_features("z2", z2)
    check_positive("alpha", alpha)
    if first.shape != second.shape:
        raise ValueError(
            "`z1` and `z2` must have the same shape. "
            f"Received: {first.shape} and {second.shape}"
        )
    distance = np.linalg.norm(unit_rows(first) - unit_rows(second), axis=1)
    return float(np.mean(distance**alpha))


def uniformity(z: Any, t: float = 2.0) -> float:
    """Returns the log of the average Gaussian potential of a pair of embeddings.

    `log mean_{i<j} exp(-t |z_i - z_j|^2)` on unit vectors (Wang & Isola 2020). The
    rows are normalised here. Lower is better: 0 is total collapse, and a uniform
    sphere of many dimensions gives about -2t. The work grows with n squared; the
    pairs are taken in blocks, so that memory grows with n only.

    Args:
        z: Embeddings `(n, dim)`, n at least 2.
        t: Sharpness of the potential, above 0.

    Returns:
        A number in [-4t, 0].

    Raises:
        ValueError: For wrong shapes, fewer than two rows, values that are not
            finite, or `t` not above 0.
    """
    features = checked_features("z", z)
    check_positive("t", t)
    if len(features) < 2:
        raise ValueError(
            f"`z` must hold at least two rows. Received: shape {features.shape}"
        )
    unit = unit_rows(features)
    squares = np.sum(unit**2, axis=1)  # 1, or 0 for a row of zeros
    count = len(unit)
    size = max(1, _PAIRS // count)
    total = -np.inf
    for start in range(0, count - 1, size):
        rows = slice(start, start + size)
        # Column j of a block is row start + j: earlier ones have met these rows.
        distance = squares[rows, None] + squares[start:]
        distance -= 2.0 * unit[rows] @ unit[start:].T  # (r, count - start)
        potential = -t * np.maximum(distance, 0.0)
        # Of the block's own square, keep each pair once and no row with itself.
        own = potential[:, : len(potential)]
        own[np.tri(len(own), dtype=bool)] = -np.inf
        largest = potential.max()
        block = largest + np.log(np.sum(np.exp(potential - largest)))
        total = np.logaddexp(total, block)
    return float(total - np.log(count * (count - 1) / 2))


def effective_rank(features: Any, centre: bool = False) -> float:
    """Returns how many directions the features really use.

    `exp(-sum_k p_k log p_k)` with `p_k = s_k / sum_l s_l`, s the singular values of
    the matrix (Roy & Vetterli 2007, "The effective rank: a measure of effective
    dimensionality"). It lies between 1 (one direction) and the rank (all equally
    strong), and changes neither with the features' scale nor with a rotation.

    Args:
        features: Features or embeddings `(n, dim)`.
        centre: Whether to subtract the mean row first. The definition does not;
            features after a ReLU have a large mean, which then counts as a strong
            direction of its own.

    Returns:
        A number in [1, min(n, dim)], or 0.0 if every singular value is 0.

    Raises:
        ValueError: For wrong shapes or values that are not finite.
    """
    matrix = checked_features("features", features).astype(np.float64)
    if centre:
        matrix = matrix - matrix.mean(axis=0)
    # Scaled first, so that no square overflows or vanishes in the products below.
    largest = np.abs(matrix).max()
    if largest == 0:
        return 0.0
    matrix /= largest
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    # The singular values are the roots of the smaller Gram matrix's eigenvalues,
    # which costs a fraction of a decomposition of the whole matrix.
    eigenvalues = np.linalg.eigvalsh(matrix.T @ matrix)
    floor = eigenvalues[-1] * np.finfo(np.float64).eps * max(matrix.shape)
    singular = np.sqrt(eigenvalues[eigenvalues > floor])
    share = singular / singular.sum()
    return float(np.exp(-np.sum(share * np.log(share))))


def feature_std(features: Any) -> float:
    """Returns the standard deviation of unit-length features, averaged over axes.

    The collapse alarm of Chen & He 2021 ("Exploring Simple Siamese Representation
    Learning"): 0 if every row points the same way, about 1 / sqrt(dim) if the rows
    spread over the whole sphere.

    Args:
        features: Features or embeddings `(n, dim)`; normalised here.

    Returns:
        A number in [0, 1 / sqrt(dim)].

    Raises:
        ValueError: For wrong shapes or values that are not finite.
    """
    unit = unit_rows(checked_features("features", features))
    return float(np.mean(np.std(unit, axis=0)))


def unit_rows(features: np.ndarray) -> np.ndarray:
    """Returns rows `(n, dim)` of length 1 in float64; a zero row stays zero."""
    rows = features.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
