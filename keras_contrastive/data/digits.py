"""scikit-learn's handwritten digits as a tfds dataset that needs no download."""

import contextlib
import io
import os
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

SPLIT_SEED = 20200213
HELD_OUT = 300


def split_rows(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Divides the rows into train, validation and test, stratified by class.

    The rows are put in a fixed random order, sorted by class, and every third one or
    so, evenly spaced, is held out, for validation and for the test in turn. Only
    PCG64's raw stream is used, which NumPy keeps the same in every version, so the
    division is the same on every machine.

    Args:
        labels: `(rows,)` integers.

    Returns:
        The row numbers of each split, `(rows_in_split,)` int64, in random order:
        300 for "validation", 300 for "test", the others for "train".
    """
    rank = np.random.PCG64(SPLIT_SEED).random_raw(len(labels))
    shuffled = np.argsort(rank, kind="stable")
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    held_out = np.arange(2 * HELD_OUT) * len(labels) // (2 * HELD_OUT)
    rows = {
        "train": np.delete(by_class, held_out),
        "validation": by_class[held_out[0::2]],
        "test": by_class[held_out[1::2]],
    }
    return {name: part[np.argsort(rank[part])] for name, part in rows.items()}


class ContrastiveDigits(tfds.core.GeneratorBasedBuilder):
    """1,797 grey 8x8 images of handwritten digits, from scikit-learn's own files.

    Splits: "train" (1,197), "validation" (300) and "test" (300), see `split_rows`.
    Features: "image" `(8, 8, 1)` uint8, the original 0..16 scaled to 0..255; "label"
    0..9; "id", the position in the split, which is also the order of reading.

    Importing this module registers the name "contrastive_digits" with tfds.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=(
                "The test part of the Optical Recognition of Handwritten Digits data "
                "set, as scikit-learn ships it: 8x8 counts of black pixels, scaled "
                "to 0..255, in fixed stratified splits."
            ),
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(8, 8, 1), dtype=np.uint8),
                    "label": tfds.features.ClassLabel(num_classes=10),
                    "id": tfds.features.Scalar(dtype=np.int64),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://archive.ics.uci.edu/dataset/80",
            # The order is random already, and ids are to count it.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]
        return {
            name: self._generate_examples(images[rows], digits.target[rows])
            for name, rows in split_rows(digits.target).items()
        }

    def _generate_examples(
        self, images: np.ndarray, labels: np.ndarray
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        for position, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield position, {"image": image, "label": int(label), "id": position}


def prepared(data_dir: str | os.PathLike | None = None) -> ContrastiveDigits:
    """Returns the builder with its files in place, writing them on the first use.

    Takes about a second, uses no network, and may run in several processes at once:
    each writes a folder of its own, and the first to finish renames it into place.

    Args:
        data_dir: Folder of tfds datasets, created when missing. None: tfds's own
            default.

    Raises:
        OSError: If the files do not exist yet and cannot be written.
    """
    builder = ContrastiveDigits(data_dir=data_dir)
    if builder.data_path.exists():
        return builder
    root = builder.data_dir_root
    # tfds names its temporary folder with Python's global generator, so that two
    # processes with the same seed would write into the same one. uuid4 has no seed.
    scratch = root / f"incomplete.{uuid.uuid4().hex}.{builder.name}"
    try:
        scratch.mkdir(parents=True)
        try:
            _prepare_quietly(ContrastiveDigits(data_dir=scratch))
            builder.data_path.parent.mkdir(parents=True, exist_ok=True)
            done = scratch / builder.data_path.relative_to(root)
            with contextlib.suppress(OSError):
                done.rename(builder.data_path)
            # Another process may have been faster; its files are the same.
            if not builder.data_path.exists():
                done.rename(builder.data_path)
        finally:
            scratch.rmtree(missing_ok=True)
    except OSError as error:
        raise OSError(
            f"{builder.name} is written once before its first use, and `data_dir` "
            "must be a folder that can be written to. Name another one, or set "
            f"TFDS_DATA_DIR. Received: data_dir={str(root)!r} ({error})"
        ) from error
    return ContrastiveDigits(data_dir=data_dir)


def _prepare_quietly(builder: tfds.core.DatasetBuilder) -> None:
    """Prepares without tfds's progress bars, which outlast so small a set."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        builder.download_and_prepare()
