"""CIFAR-10 from an archive, and lightly's two views of each image."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision_import import torchvision_without_operators

with torchvision_without_operators():
    from lightly.transforms import SimCLRTransform


def read_archive(path: Path, least: int) -> dict[str, np.ndarray]:
    """Read CIFAR-10 from an archive.

    Args:
        path: File with `x_train`, `x_test` `(n, 32, 32, 3)` uint8 and `y_train`,
            `y_test` `(n,)`.
        least: How many training images there must be.

    Raises:
        ValueError: If an array has another shape or type, or images are too few.
    """
    with np.load(path) as archive:
        data = {k: archive[k] for k in ("x_train", "y_train", "x_test", "y_test")}
    for split in ("train", "test"):
        images, labels = data[f"x_{split}"], data[f"y_{split}"]
        if images.dtype != np.uint8 or images.shape[1:] != (32, 32, 3):
            raise ValueError(
                f"--data must hold x_{split} as uint8 (n, 32, 32, 3). "
                f"Received: {images.dtype} {images.shape}"
            )
        if labels.shape != images.shape[:1]:
            raise ValueError(
                f"--data must hold one label an image in y_{split}, shape "
                f"{images.shape[:1]}. Received: {labels.shape}"
            )
    if len(data["x_train"]) < least:
        raise ValueError(
            f"--data must hold at least {least} training images. "
            f"Received: {len(data['x_train'])}"
        )
    return data


class Views(torch.utils.data.Dataset):
    """Images held in memory as PIL images; an item is a list of two views.

    Args:
        images: Array `(n, 32, 32, 3)`, uint8.
        transform: PIL image -> list of float tensors `(3, 32, 32)` in [0, 1].
    """

    def __init__(self, images: np.ndarray, transform: SimCLRTransform):
        self.images = [Image.fromarray(image) for image in images]
        self.transform = transform

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    def __getitem__(self, index: int) -> list[Tensor]:
        """Two views of one image."""
        return self.transform(self.images[index])


def cifar_transform() -> SimCLRTransform:
    """SimCLR's augmentation for CIFAR-10: half-strength jitter, no blur."""
    return SimCLRTransform(
        input_size=32,
        min_scale=0.08,
        hf_prob=0.5,
        cj_prob=0.8,
        cj_strength=0.5,
        cj_bright=0.8,
        cj_contrast=0.8,
        cj_sat=0.8,
        cj_hue=0.2,
        random_gray_scale=0.2,
        gaussian_blur=0.0,
        normalize=None,
    )
