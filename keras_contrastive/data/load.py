"""A named tfds dataset as `tf.data` elements of image, label and stable id."""

import dataclasses
import difflib
import os
import re
from typing import Any

import tensorflow as tf

DIGITS = "contrastive_digits"


@dataclasses.dataclass(frozen=True)
class Description:
    """What a prepared dataset holds.

    Attributes:
        name: tfds name.
        image_shape: `(height, width, channels)`; None for a size that varies.
        num_classes: Number of classes; None when the set has no class labels.
        class_names: One name a class; empty when the set has no class labels.
        splits: Number of images in each split.
    """

    name: str
    image_shape: tuple[int | None, int | None, int]
    num_classes: int | None
    class_names: tuple[str, ...]
    splits: dict[str, int]


def load(
    name: str,
    split: str,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
) -> tf.data.Dataset:
    """Reads one split of a tfds dataset, in a fixed order.

    `"contrastive_digits"` is always there: it is made on the spot, without a network.
    Nothing else is downloaded unless `download` says so.

    Args:
        name: tfds name, such as `"cifar10"`; `"name/config"` and `"name:1.0.0"` work.
        split: Split, such as `"train"`; tfds's slices, such as `"train[:10%]"`, work.
        data_dir: Folder of tfds datasets, "~" expanded. None: the environment's
            TFDS_DATA_DIR, else tfds's own default.
        download: Whether a missing dataset may be downloaded and prepared.

    Returns:
        Elements, neither shuffled nor batched, of known number: `"image"`
        `(height, width, channels)` uint8; `"label"` int64, where the set has integer
        labels; `"id"` int64, the position in the split, 0..n-1.

    Raises:
        ValueError: If the name or the split is unknown, the split is empty, or the set
            has no uint8 feature "image".
        FileNotFoundError: If the dataset is not prepared and may not be downloaded.
        OSError: If "contrastive_digits" cannot be written to `data_dir`.
    """
    import tensorflow_datasets as tfds

    builder = _builder(name, data_dir, download)
    count = _split_size(builder, split)
    keep = ["image"] if _label_feature(builder) is None else ["image", "label"]
    masks = {
        key: tfds.decode.SkipDecoding()
        for key, feature in builder.info.features.items()
        if isinstance(feature, tfds.features.Image) and key not in keep
    }
    options = tf.data.Options()
    options.deterministic = True
    dataset = builder.as_dataset(
        split=split,
        shuffle_files=False,
        decoders=masks,
        read_config=tfds.ReadConfig(
            # Shards one after the other: an id must not depend on the machine.
            interleave_cycle_length=1,
            # Whoever batches knows the memory budget.
            try_autocache=False,
            options=options,
        ),
    )

    def with_id(position: tf.Tensor, element: dict[str, tf.Tensor]) -> dict:
        kept = {key: element[key] for key in keep}
        if "label" in kept:
            kept["label"] = tf.cast(kept["label"], tf.int64)
        return {**kept, "id": position}

    dataset = dataset.enumerate().map(with_id)
    return dataset.apply(tf.data.experimental.assert_cardinality(count))


def describe(
    name: str, data_dir: str | os.PathLike | None = None, download: bool = False
) -> Description:
    """Says what a dataset holds, without reading its images.

    Args:
        name: As in `load`.
        data_dir: As in `load`.
        download: As in `load`.

    Raises:
        ValueError: If the name is unknown, or the set has no uint8 feature "image".
        FileNotFoundError: If the dataset is not prepared and may not be downloaded.
        OSError: If "contrastive_digits" cannot be written to `data_dir`.
    """
    import tensorflow_datasets as tfds

    builder = _builder(name, data_dir, download)
    label = _label_feature(builder)
    classes = isinstance(label, tfds.features.ClassLabel)
    return Description(
        name=name,
        image_shape=tuple(builder.info.features["image"].shape),
        num_classes=label.num_classes if classes else None,
        class_names=tuple(label.names) if classes else (),
        splits={key: x.num_examples for key, x in builder.info.splits.items()},
    )


def _builder(name: str, data_dir: str | os.PathLike | None, download: bool) -> Any:
    """Returns a tfds builder whose files exist and which has images."""
    import tensorflow_datasets as tfds

    if not isinstance(name, str):
        raise TypeError(f"`name` must be a string. Received: {name!r}")
    if data_dir is not None:
        data_dir = os.path.expanduser(os.fspath(data_dir))
    if name == DIGITS:
        from keras_contrastive.data.digits import prepared

        return prepared(data_dir)
    if re.match(r"\w+:[A-Za-z]", name):
        raise ValueError(
            "`name` must be a dataset of tfds's own catalogue or one prepared in "
            "`data_dir`; community names need a network even to be looked up. "
            f"Received: name={name!r}"
        )
    if data_dir and not download and not tfds.core.Path(data_dir).exists():
        raise FileNotFoundError(
            f"`data_dir` must be an existing folder. Received: data_dir={data_dir!r}"
        )
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(_unknown_name(name)) from error
    except (AssertionError, ValueError) as error:
        raise ValueError(
            "`name` must read 'name', 'name/config' or 'name:1.0.0', with a config and "
            f"a version that tfds has. Received: name={name!r} "
            f"({str(error).strip().splitlines()[0]})"
        ) from error
    _check_image(builder)
    if not builder.data_path.exists():
        if not download:
            raise FileNotFoundError(
                f"{name} is not prepared in {str(builder.data_dir_root)!r}. Expected "
                f"{builder.data_dir!r}: name the folder that holds it as `data_dir` "
                "(--data_dir), or download it with download=True (--download). "
                f"Received: name={name!r}, data_dir={data_dir!r}, download=False"
            )
        builder.download_and_prepare()
    return builder


def _unknown_name(name: str) -> str:
    """Returns the message for a name that tfds does not know."""
    import tensorflow_datasets as tfds

    # Community lists would be fetched over the network.
    known = {*tfds.list_builders(with_community_datasets=False), DIGITS}
    close = difflib.get_close_matches(name.split("/")[0].split(":")[0].lower(), known)
    hint = f"; close to it: {', '.join(close)}" if close else ""
    return (
        f"`name` must be {DIGITS!r}, a dataset of tfds's catalogue or one prepared in "
        f"`data_dir`{hint}. Received: name={name!r}"
    )


def _check_image(builder: Any) -> None:
    """Stops at a dataset whose elements hold no ordinary image."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    names = sorted(features) if hasattr(features, "keys") else [repr(features)]
    image = features["image"] if "image" in names else None
    if not isinstance(image, tfds.features.Image) or image.tf_dtype != tf.uint8:
        raise ValueError(
            "`name` must be a dataset with a uint8 image feature called 'image'. "
            f"Received: {builder.name!r} with features {', '.join(names)}"
        )


def _label_feature(builder: Any) -> Any | None:
    """Returns the feature "label" where it is one integer an image, else None."""
    features = builder.info.features
    if "label" not in features:
        return None
    label = features["label"]
    integer = label.shape == () and label.tf_dtype.is_integer
    return label if integer else None


def _split_size(builder: Any, split: str) -> int:
    """Returns the number of examples of a split or of a slice of one."""
    splits = builder.info.splits
    expected = (
        f"`split` must be one of {', '.join(sorted(splits))}, or a slice of them such "
        f"as 'train[:10%]'. Received: split={split!r}"
    )
    if not isinstance(split, str):
        raise TypeError(expected)
    try:
        count = splits[split].num_examples
    except (KeyError, ValueError, AssertionError) as error:
        raise ValueError(expected) from error
    if not count:
        raise ValueError(f"`split` holds no image. {expected}")
    return count
