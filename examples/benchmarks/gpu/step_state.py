"""What a step's variables start as, written down in less than their bytes.

A ResNet-50 has 100 MB of weights. Its large kernels are drawn by NumPy from a seed
instead, before TensorFlow lowers the step and again where it runs.
"""

import numpy as np

LARGE = 4096


def drawn(entry, shape):
    """Returns the normal numbers that a large kernel starts as, float32.

    Args:
        entry: `deviation`, and `seed`, a list of integers.
        shape: Of the kernel.
    """
    numbers = np.random.default_rng(entry["seed"]).standard_normal(shape, np.float32)
    return numbers * np.float32(entry["deviation"])


def initial(entry, stored):
    """Returns the array that an argument of a step starts as.

    Args:
        entry: Its `name`, `shape`, `dtype`, and either `constant`, or what `drawn`
            takes, or neither for an array that was stored.
        stored: Arrays by name.
    """
    shape, dtype = tuple(entry["shape"]), np.dtype(entry["dtype"])
    if "constant" in entry:
        return np.full(shape, entry["constant"], dtype)
    if "deviation" in entry:
        return drawn(entry, shape)
    return stored[entry["name"]].astype(dtype)
