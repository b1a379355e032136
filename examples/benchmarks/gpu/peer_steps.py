"""The same train steps in PyTorch, compiled, channels last, in bfloat16.

    python peer_steps.py time simclr_resnet18 --images cifar.npy
    python peer_steps.py ceiling

It needs PyTorch and torchvision. Same nets and heads, batch, views (`peer_views.py`),
loss, SGD and key encoder; MoCo without groups in batch norm. Each prints one JSON
object.
"""

import argparse
import copy
import json
import pathlib
import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F
from peer_views import view
from step_settings import (
    KEY_MOMENTUM,
    MOMENTUM,
    PROJECTION_DIM,
    STEPS,
    TEMPERATURES,
    WEIGHT_DECAY,
    learning_rate,
)
from torch import nn
from torchvision import models

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def make_net(step):
    """Returns trunk and head, `(batch, 3, size, size)` to embeddings."""
    trunk = getattr(models, step["encoder"])(zero_init_residual=True)
    if step["size"] < 64:
        trunk.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        trunk.maxpool = nn.Identity()
    features, trunk.fc = trunk.fc.in_features, nn.Identity()
    head = nn.Sequential(
        nn.Linear(features, features, bias=False),
        nn.BatchNorm1d(features),
        nn.ReLU(inplace=True),
        nn.Linear(features, PROJECTION_DIM),
    )
    return nn.Sequential(trunk, head).to(DEVICE, memory_format=torch.channels_last)


def nt_xent(z1, z2, temperature):
    """SimCLR's loss of two batches of embeddings."""
    z = F.normalize(torch.cat([z1, z2]).float())
    count = len(z1)
    mask = torch.eye(2 * count, dtype=torch.bool, device=z.device)
    logits = (z @ z.T / temperature).masked_fill(mask, -torch.inf)
    rows = torch.arange(2 * count, device=z.device)
    return F.cross_entropy(logits, rows.roll(count))


def info_nce(query, key, queue, temperature):
    """MoCo's loss of queries, their keys and the queue."""
    query, key = F.normalize(query.float()), F.normalize(key.float())
    positive = (query * key).sum(dim=1, keepdim=True)
    logits = torch.cat([positive, query @ queue.T], dim=1) / temperature
    first = torch.zeros(len(query), dtype=torch.long, device=query.device)
    return F.cross_entropy(logits, first), key


def half():
    """Forward passes are in bfloat16."""
    return torch.autocast(DEVICE, torch.bfloat16)


def make_step(step, compiled=True):
    """Returns a function of uint8 images `(batch, side, side, 3)`: one train step."""
    net = make_net(step)
    optimizer = torch.optim.SGD(
        net.parameters(),
        lr=learning_rate(step["batch"]),
        momentum=MOMENTUM,
        weight_decay=WEIGHT_DECAY,
        fused=True,
    )
    temperature = TEMPERATURES[step["method"]]
    fuse = torch.compile if compiled else lambda function: function

    def update(loss):
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    if step["method"] == "simclr":

        @fuse
        def simclr_loss(images):
            views = torch.cat([view(images, step), view(images, step)])
            with half():
                z1, z2 = net(views).chunk(2)
            return nt_xent(z1, z2, temperature)

        def train_simclr(images):
            loss = simclr_loss(images)
            update(loss)
            return loss.detach()

        return train_simclr

    keys = copy.deepcopy(net).requires_grad_(False)
    numbers = torch.randn(step["queue"], PROJECTION_DIM, device=DEVICE)
    queue, start = F.normalize(numbers), 0

    @fuse
    def moco_loss(images, queue):
        with torch.no_grad(), half():
            key = keys(view(images, step))
        with half():
            query = net(view(images, step))
        return info_nce(query, key, queue, temperature)

    def train_moco(images):
        nonlocal start
        loss, key = moco_loss(images, queue)
        update(loss)
        with torch.no_grad():
            torch._foreach_lerp_(
                list(keys.parameters()), list(net.parameters()), 1 - KEY_MOMENTUM
            )
            queue[start : start + len(key)] = key.detach()
        start = (start + len(key)) % len(queue)
        return loss.detach()

    return train_moco


def wait():
    """Waits until the device has done all that was asked of it."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def batches(step, images, count):
    """Returns batches on the device, as `run_steps.batches` makes them."""
    size, side = step["batch"], step["source"]
    if images is None:
        images = np.random.default_rng(0).integers(0, 256, [size, 8, 8, 3], np.uint8)
    factor = side // images.shape[1]
    chosen = np.resize(np.arange(len(images)), count * size).reshape(count, size)
    made = []
    for rows in chosen:
        large = images[rows].repeat(factor, axis=1).repeat(factor, axis=2)
        made.append(torch.from_numpy(large).to(DEVICE))
    return made


def timed(name, step, images, steps, rounds, compiled=True):
    """Times a step as `run_steps.timed` does."""
    torch.manual_seed(0)
    train = make_step(step, compiled)
    data = batches(step, images, 4)
    start = time.perf_counter()
    first = [train(data[0])]
    wait()
    seconds_to_compile = time.perf_counter() - start
    first += [train(data[i % 4]) for i in range(1, 5)]
    wait()
    seconds, losses = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        for i in range(steps):
            loss = train(data[i % 4])
        wait()
        seconds.append((time.perf_counter() - start) / steps)
        losses.append(float(loss))
    median = statistics.median(seconds)
    result = {
        "step": name,
        "batch": step["batch"],
        "images_per_second": step["batch"] / median,
        "milliseconds": median * 1e3,
        "milliseconds_of_each_round": [x * 1e3 for x in seconds],
        "seconds_to_compile": seconds_to_compile,
        "first_losses": [float(x) for x in first],
        "losses": losses,
    }
    if DEVICE == "cuda":
        result["peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
    return result


def ceiling(side=8192, repeats=20):
    """Times a bfloat16 matrix product of random numbers."""
    a, b = (torch.randn(side, side, device=DEVICE).bfloat16() for _ in range(2))
    a @ b
    wait()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(repeats):
            a @ b
        wait()
        seconds.append((time.perf_counter() - start) / repeats)
    return {
        "side": side,
        "tera_operations_per_second": 2 * side**3 / statistics.median(seconds) / 1e12,
    }


def machine():
    """Returns the device and the release of PyTorch."""
    name = torch.cuda.get_device_name() if DEVICE == "cuda" else "cpu"
    return {"device": name, "torch": torch.__version__}


def main(argv=None):
    """Does one thing for each step and prints a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("time", "ceiling"))
    parser.add_argument("names", nargs="*", choices=[*STEPS, []])
    parser.add_argument("--images", type=pathlib.Path, help="npy of uint8")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, help="another batch")
    parser.add_argument("--eager", action="store_true", help="not compiled")
    parser.add_argument("--side", type=int, default=8192)
    args = parser.parse_args(argv)
    torch.set_float32_matmul_precision("high")  # of the losses, as XLA has it
    torch.backends.cudnn.benchmark = True
    if args.what == "ceiling":
        print(json.dumps({**ceiling(args.side), **machine()}), flush=True)
        return
    images = np.load(args.images) if args.images else None
    for name in args.names:
        step = STEPS[name]
        if args.batch:
            step = {**step, "batch": args.batch}
        result = timed(name, step, images, args.steps, args.rounds, not args.eager)
        print(json.dumps({**result, **machine()}), flush=True)


if __name__ == "__main__":
    main()
