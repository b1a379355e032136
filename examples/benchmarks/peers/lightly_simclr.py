"""Train SimCLR on CIFAR-10 with lightly and PyTorch, as a peer to compare with.

It needs PyTorch and lightly, the files beside it, and no other framework.
The settings that a comparison must share are the constants below. Each line on
standard output is one JSON object: the settings, one an epoch, then the result.
"""

import argparse
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from lightly_knn import KNN_NEIGHBOURS, knn_accuracy
from lightly_views import Views, cifar_transform, read_archive
from torch import nn
from torchvision_import import torchvision_without_operators

with torchvision_without_operators():
    from lightly.loss import NTXentLoss
    from lightly.models.modules.heads import ProjectionHead, SimCLRProjectionHead

CHANNELS = (32, 64, 128, 256)
PROJECTION = (256, 256, 128)
TEMPERATURE = 0.5
LEARNING_RATE_PER_256 = 0.06
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
WORKERS = 2


def convnet() -> nn.Sequential:
    """Four stride-2 3x3 convolutions: `(batch, 3, 32, 32)` -> `(batch, 256)`."""
    layers: list[nn.Module] = []
    previous = 3
    for channels in CHANNELS:
        layers += [
            nn.Conv2d(previous, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
        previous = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def projection_head(closing_norm: bool) -> ProjectionHead:
    """Linear, batch norm, ReLU, linear: `(batch, 256)` -> `(batch, 128)`.

    Args:
        closing_norm: Whether batch norm follows the last linear layer too, as in
            lightly's `SimCLRProjectionHead`.
    """
    inputs, hidden, outputs = PROJECTION
    if closing_norm:
        return SimCLRProjectionHead(inputs, hidden, outputs)
    return ProjectionHead(
        [
            (inputs, hidden, nn.BatchNorm1d(hidden), nn.ReLU()),
            (hidden, outputs, None, None),
        ]
    )


def train_epoch(loader, trunk, head, loss_fn, optimizer, schedule) -> dict:
    """One pass over the loader; returns its times (seconds), rate and mean loss."""
    trunk.train()
    head.train()
    losses, waits, images = [], [], 0
    start = asked = time.perf_counter()
    batches = iter(loader)
    for _ in range(len(loader)):
        view_0, view_1 = next(batches)
        waits.append(time.perf_counter() - asked)
        loss = loss_fn(head(trunk(view_0)), head(trunk(view_1)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        images += len(view_0)
        asked = time.perf_counter()
    seconds = asked - start
    return {
        "steps": len(losses),
        "images": images,
        "seconds": seconds,
        "images_per_second": images / seconds,
        "loss": float(np.mean(losses)),
        "loader_wait_share": sum(waits) / seconds,
        # The first batch of the first epoch also waits for the workers to start.
        "first_batch_wait_seconds": waits[0],
    }


def parse_arguments() -> argparse.Namespace:
    """Read and check the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="archive (.npz)")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps_per_epoch", type=int, help="cap, for timing")
    parser.add_argument("--threads", type=int, help="of PyTorch in this process")
    parser.add_argument(
        "--closing_norm",
        action="store_true",
        help="end the head in batch norm, as lightly's SimCLRProjectionHead does",
    )
    parser.add_argument("--json", type=Path, help="file for all lines as one object")
    args = parser.parse_args()
    for name, least in (
        ("epochs", 1),
        ("batch_size", 2),
        ("steps_per_epoch", 1),
        ("threads", 1),
    ):
        value = getattr(args, name)
        if value is not None and value < least:
            parser.error(f"--{name} must be at least {least}. Received: {value}")
    if args.json and not args.json.parent.is_dir():
        parser.error(f"--json must be in a folder that exists. Received: {args.json}")
    return args


def describe_step(step) -> str:
    """A transform's text, with the probability where its own text leaves that out."""
    text = str(step)
    if text.startswith("<"):
        text = type(step).__name__
    chance = getattr(step, "prob", getattr(step, "p", None))
    return text if chance is None or "p=" in text else f"{text}, p={chance}"


def describe(args, steps: int, transform, trunk, head) -> dict:
    """The settings as the objects hold them, and where the run takes place."""
    view = transform.transforms[0]
    return {
        "method": "SimCLR, lightly",
        "epochs": args.epochs,
        "steps_per_epoch": steps,
        "batch_size": args.batch_size,
        "seed": args.seed,
        "temperature": TEMPERATURE,
        "learning_rate": LEARNING_RATE_PER_256 * args.batch_size / 256,
        "momentum": MOMENTUM,
        "weight_decay": WEIGHT_DECAY,
        "loader_workers": WORKERS,
        "threads": torch.get_num_threads(),
        # Threads that spin while they wait take the cores from the loader's workers.
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        "transform": [describe_step(t) for t in view.transform.transforms],
        "trunk": [str(layer) for layer in trunk],
        "head": [str(layer) for layer in head.layers],
        "parameters": sum(p.numel() for net in (trunk, head) for p in net.parameters()),
        "python": platform.python_version(),
        "versions": {
            name: version(name)
            for name in ("torch", "torchvision", "lightly", "numpy", "pillow")
        },
    }


def main() -> None:
    """Train, measure and report."""
    args = parse_arguments()
    torch.manual_seed(args.seed)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    data = read_archive(args.data, least=max(args.batch_size, KNN_NEIGHBOURS))
    steps = len(data["x_train"]) // args.batch_size
    if args.steps_per_epoch is not None:
        steps = min(steps, args.steps_per_epoch)

    transform = cifar_transform()
    dataset = Views(data["x_train"], transform)
    loader = torch.utils.data.DataLoader(
        dataset,
        batch_size=args.batch_size,
        # The sampler ends where the epoch ends, so a capped epoch leaves no batch
        # behind that the workers made for nothing.
        sampler=torch.utils.data.RandomSampler(
            dataset, num_samples=steps * args.batch_size
        ),
        num_workers=WORKERS,
        drop_last=True,
        persistent_workers=True,
    )
    trunk, head = convnet(), projection_head(args.closing_norm)
    optimizer = torch.optim.SGD(
        [*trunk.parameters(), *head.parameters()],
        lr=LEARNING_RATE_PER_256 * args.batch_size / 256,
        momentum=MOMENTUM,
        weight_decay=WEIGHT_DECAY,
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, T_max=args.epochs * steps
    )
    loss_fn = NTXentLoss(temperature=TEMPERATURE)

    settings = describe(args, steps, transform, trunk, head)
    print(json.dumps({"settings": settings}), flush=True)
    epochs = []
    for epoch in range(1, args.epochs + 1):
        row = train_epoch(loader, trunk, head, loss_fn, optimizer, schedule)
        epochs.append({"epoch": epoch, **row})
        print(json.dumps(epochs[-1]), flush=True)

    seconds = sum(row["seconds"] for row in epochs)
    started = time.perf_counter()
    accuracy = knn_accuracy(trunk, data)
    result = {
        "knn_top1": accuracy,
        "knn_seconds": time.perf_counter() - started,
        "final_loss": epochs[-1]["loss"],
        "train_seconds": seconds,
        "images_per_second": sum(row["images"] for row in epochs) / seconds,
        "loader_wait_share": sum(
            row["loader_wait_share"] * row["seconds"] for row in epochs
        )
        / seconds,
    }
    print(json.dumps({"result": result}), flush=True)
    if args.json:
        report = {"settings": settings, "epochs": epochs, "result": result}
        args.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
