"""The bare train step of SimCLR and MoCo in PyTorch, as a peer to compare with.

It needs PyTorch, torchvision and lightly, and reads from standard input what to do,
lines of JSON, each answered by another:

    {"make": [net, method, batch]}      the nets and views of every setting, warmed up
    {"run": setting, "steps": n}        the seconds that n steps took

A setting is a precision and what was done for speed. What cannot be made on this
machine (compiling needs a C++ compiler) is named with its error.
"""

import argparse
import copy
import json
import sys
import time

import torch
import torch.nn.functional as F
from lightly_simclr import convnet
from torch import Tensor, nn
from torchvision_import import torchvision_without_operators

with torchvision_without_operators():
    from torchvision.models import resnet18

SETTINGS = tuple(
    precision + variant
    for precision in ("float32", "bfloat16")
    for variant in ("", ", channels last", ", channels last, compiled")
)
QUEUE, KEY_MOMENTUM = 4096, 0.99
RATE, MOMENTUM, WEIGHT_DECAY = 0.06, 0.9, 5e-4
TEMPERATURES = {"simclr": 0.5, "moco": 0.2}


def make_net(name: str, method: str) -> nn.Sequential:
    """Trunk and head: `(batch, 3, 32, 32)` -> `(batch, 128)`."""
    if name == "convnet":
        trunk, features = convnet(), 256
    else:
        trunk = resnet18(zero_init_residual=True)
        trunk.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        trunk.maxpool, trunk.fc, features = nn.Identity(), nn.Identity(), 512
    if method == "simclr":
        hidden = [nn.Linear(features, 256, bias=False), nn.BatchNorm1d(256)]
    else:
        hidden = [nn.Linear(features, features)]
    last = nn.Linear(hidden[0].out_features, 128)
    return nn.Sequential(trunk, *hidden, nn.ReLU(inplace=True), last)


def nt_xent(z: Tensor, temperature: float) -> Tensor:
    """SimCLR's loss of embeddings `(2 batch, dim)`, first views first."""
    z = F.normalize(z.float())
    mask = torch.eye(len(z), dtype=torch.bool)
    logits = (z @ z.T / temperature).masked_fill(mask, -torch.inf)
    return F.cross_entropy(logits, torch.arange(len(z)).roll(len(z) // 2))


def info_nce(query: Tensor, key: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """MoCo's loss of queries and keys `(batch, dim)`, and the queue."""
    query = F.normalize(query.float())
    positive = (query * key).sum(dim=1, keepdim=True)
    logits = torch.cat([positive, query @ queue.T], dim=1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(query), dtype=torch.long))


class Step:
    """A train step at one setting; a call does it and returns the loss."""

    def __init__(self, net: str, method: str, batch: int, setting: str):
        last = "channels last" in setting
        layout = torch.channels_last if last else torch.contiguous_format
        self.net = make_net(net, method).to(memory_format=layout)
        views = [torch.rand(batch, 3, 32, 32) for _ in range(2)]
        self.views = [view.contiguous(memory_format=layout) for view in views]
        self.half = setting.startswith("bfloat16")
        self.method, self.temperature = method, TEMPERATURES[method]
        self.optimizer = torch.optim.SGD(
            self.net.parameters(),
            lr=RATE,
            momentum=MOMENTUM,
            weight_decay=WEIGHT_DECAY,
            fused=True,
        )
        if method == "moco":
            self.keys = copy.deepcopy(self.net).requires_grad_(False)
            self.queue, self.start = F.normalize(torch.randn(QUEUE, 128)), 0
        loss = {"simclr": self.simclr, "moco": self.moco}[method]
        self.loss = torch.compile(loss) if "compiled" in setting else loss

    def simclr(self, first: Tensor, second: Tensor) -> tuple[Tensor, None]:
        """The loss; one forward pass for both views."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            z = self.net(torch.cat([first, second]))
        return nt_xent(z, self.temperature), None

    def moco(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """The loss and the keys."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            with torch.no_grad():
                key = self.keys(second)
            query = self.net(first)
        key = F.normalize(key.float())
        return info_nce(query, key, self.queue, self.temperature), key

    def __call__(self) -> float:
        """Forward, backward, SGD; for MoCo the key encoder and the queue as well."""
        loss, key = self.loss(*self.views)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if key is not None:
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(self.keys.parameters()),
                    list(self.net.parameters()),
                    1 - KEY_MOMENTUM,
                )
                self.queue[self.start : self.start + len(key)] = key
            self.start = (self.start + len(key)) % QUEUE
        return loss.item()


def make(net: str, method: str, batch: int, settings: list[str]) -> tuple[dict, dict]:
    """Steps by setting, and the answer."""
    steps, errors = {}, {}
    for setting in settings:
        try:
            step = Step(net, method, batch, setting)
            step(), step()
            steps[setting] = step
        except Exception as error:
            if "compiled" not in setting:
                raise
            errors[setting] = (str(error).splitlines() or [type(error).__name__])[0]
    parameters = sum(p.numel() for p in steps["float32"].net.parameters())
    answer = {"parameters": parameters, "settings": list(steps), "errors": errors}
    return steps, answer


def main() -> None:
    """Does what it is told to, line by line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no_compile", action="store_true")
    args = parser.parse_args()
    settings = [x for x in SETTINGS if not (args.no_compile and "compiled" in x)]
    torch.manual_seed(0)
    ready = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    print(json.dumps(ready), flush=True)
    steps = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "make" in asked:
            steps.clear()
            torch._dynamo.reset()
            steps, answer = make(*asked["make"], settings)
        else:
            step = steps[asked["run"]]
            start = time.perf_counter()
            for _ in range(asked["steps"]):
                step()
            answer = {"seconds": time.perf_counter() - start}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
