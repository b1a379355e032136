"""What the features are worth: weighted nearest neighbours, by lightly's predictor."""

import numpy as np
import torch
from torch import Tensor, nn
from torchvision_import import torchvision_without_operators

with torchvision_without_operators():
    from lightly.utils.benchmarking import knn_predict

KNN_NEIGHBOURS = 200
KNN_TEMPERATURE = 0.1


@torch.inference_mode()
def features(trunk: nn.Module, images: np.ndarray) -> Tensor:
    """Unit-length pooled features `(n, 256)` of clean images `(n, 32, 32, 3)`."""
    trunk.eval()
    rows = []
    for part in np.split(images, range(500, len(images), 500)):
        pixels = torch.from_numpy(part).permute(0, 3, 1, 2).float() / 255
        rows.append(nn.functional.normalize(trunk(pixels), dim=1))
    return torch.cat(rows)


@torch.inference_mode()
def knn_accuracy(trunk: nn.Module, data: dict[str, np.ndarray]) -> float:
    """Top-1 accuracy in [0, 1] of weighted kNN on the test images."""
    bank = features(trunk, data["x_train"]).T.contiguous()
    bank_labels = torch.from_numpy(data["y_train"].astype(np.int64))
    labels = torch.from_numpy(data["y_test"].astype(np.int64))
    classes = int(bank_labels.max()) + 1
    queries = features(trunk, data["x_test"])
    correct = 0
    for query, label in zip(queries.split(500), labels.split(500), strict=True):
        ranked = knn_predict(
            query, bank, bank_labels, classes, KNN_NEIGHBOURS, KNN_TEMPERATURE
        )
        correct += int((ranked[:, 0] == label).sum())
    return correct / len(labels)
