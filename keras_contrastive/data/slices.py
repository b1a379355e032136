"""Slices of splits, as tfds writes them, for images that are no tfds dataset."""

from collections.abc import Mapping


def slice_of(split: str, sizes: Mapping[str, int]) -> list[tuple[str, slice]]:
    """Returns which rows of which split are meant.

    Args:
        split: Such as "train", "train[:10%]", "train+test[5:]" or "all".
        sizes: Number of images in each split.

    Returns:
        Pairs of a split's name and its rows, in order.

    Raises:
        TypeError: If `split` is not a string.
        ValueError: If it is unknown or empty.
    """
    import tensorflow_datasets as tfds

    expected = (
        f"`split` must be one of {', '.join(sorted(sizes))}, all, or a slice of them "
        f"such as 'train[:10%]'. Received: split={split!r}"
    )
    if not isinstance(split, str):
        raise TypeError(expected)
    infos = {
        name: tfds.core.SplitInfo(
            name=name, shard_lengths=[size], num_bytes=0, filename_template=None
        )
        for name, size in sizes.items()
    }
    try:
        parts = tfds.core.ReadInstruction.from_spec(split).to_absolute(infos)
    except (KeyError, ValueError, AssertionError) as error:
        raise ValueError(expected) from error
    rows = [(x.splitname, slice(x.from_, x.to)) for x in parts]
    if not any(range(sizes[name])[part] for name, part in rows):
        raise ValueError(f"`split` holds no image. {expected}")
    return rows
