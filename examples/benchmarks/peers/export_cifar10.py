"""Write CIFAR-10 as one NumPy archive, for peers that do not read tfds.

Needs the environment of this project; the archive itself needs NumPy alone.
"""

import argparse
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds


def read_split(data_dir: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read one split in the order in which tfds stored it.

    Args:
        data_dir: Folder that holds the prepared `cifar10` data set.
        split: `"train"` or `"test"`.

    Returns:
        Images `(n, 32, 32, 3)` uint8 and labels `(n,)` int64.
    """
    dataset = tfds.load(
        "cifar10",
        split=split,
        data_dir=data_dir,
        download=False,
        shuffle_files=False,
        read_config=tfds.ReadConfig(interleave_cycle_length=1),
        as_supervised=True,
        batch_size=-1,
    )
    images, labels = tfds.as_numpy(dataset)
    return images, labels


def main() -> None:
    """Read both splits and write the archive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", required=True, help="folder of tfds data sets")
    parser.add_argument("--out", type=Path, required=True, help="the .npz to write")
    args = parser.parse_args()
    if args.out.suffix != ".npz":
        raise ValueError(f"--out must end in .npz. Received: {args.out}")

    x_train, y_train = read_split(args.data_dir, "train")
    x_test, y_test = read_split(args.data_dir, "test")
    np.savez(args.out, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    print(f"{args.out}: train {x_train.shape}, test {x_test.shape}, {x_train.dtype}")


if __name__ == "__main__":
    main()
