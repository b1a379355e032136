"""The memory bank as a loop over ids, from section 3 of https://arxiv.org/abs/1912.01991.

An id's first features replace its entry; an id that stands several times in a batch
takes one step towards the mean of its unit vectors.
"""

import math

import numpy as np


def update(vectors, written, ids, features, momentum):
    """Returns the entries and which of them are written, after one batch."""
    vectors, written = np.array(vectors, np.float64), np.array(written)

    def unit(x):
        return x / math.sqrt(sum(value * value for value in x))

    for i in set(map(int, ids)):
        rows = [
            unit(np.float64(feature))
            for other, feature in zip(ids, features, strict=True)
            if int(other) == i
        ]
        target = sum(rows) / len(rows)
        if written[i]:
            target = momentum * vectors[i] + (1 - momentum) * target
        vectors[i] = unit(target)
        written[i] = True
    return vectors, written


def allowed(size, exclude):
    """Returns the ids that may be drawn."""
    return [i for i in range(size) if i not in {int(x) for x in exclude}]
