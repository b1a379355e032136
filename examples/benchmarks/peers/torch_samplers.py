"""Langevin, Gibbs-with-gradients and AIS in PyTorch, as a peer to compare with.

It needs PyTorch, and takes torchebm's Langevin dynamics along where that is installed.
It reads from standard input what to do: a line `[sampler, library]`, answered by one
JSON object with the seconds that it took. So the sides can take turns without starting
anew.
"""

import argparse
import itertools
import json
import math
import os
import sys
import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

try:
    import torchebm.core
    import torchebm.samplers
except ImportError:
    torchebm = None


def network(units: int) -> nn.Sequential:
    """`units`-`units`-1 with a swish between; its weights take no gradient."""
    layers = nn.Linear(units, units), nn.SiLU(), nn.Linear(units, 1)
    return nn.Sequential(*layers).requires_grad_(False)


def energy_and_gradient(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Energies `(batch,)` and dE/dx `(batch, units)`."""
    x = x.detach().requires_grad_(True)
    energies = net(x)[:, 0]
    (gradient,) = torch.autograd.grad(energies.sum(), x)
    return energies.detach(), gradient


def langevin(net: nn.Module, x: Tensor, steps: int, step_size: float) -> Tensor:
    """Unadjusted Langevin dynamics at temperature 1."""
    scale = math.sqrt(2 * step_size)
    for _ in range(steps):
        _, gradient = energy_and_gradient(net, x)
        x = x - step_size * gradient + scale * torch.randn_like(x)
    return x


def gibbs_with_gradients(net: nn.Module, x: Tensor, steps: int) -> Tensor:
    """One gradient a proposal, as what the last step knew of its point is kept."""
    rows = torch.arange(len(x))
    energies, log_q = proposals(net, x)
    for _ in range(steps):
        sites = torch.multinomial(log_q.exp(), 1)[:, 0]
        flipped = x.clone()
        flipped[rows, sites] = 1 - flipped[rows, sites]
        new_energies, new_log_q = proposals(net, flipped)
        ratio = energies - new_energies + new_log_q[rows, sites] - log_q[rows, sites]
        accepted = torch.rand(len(x)).log() <= ratio
        x = torch.where(accepted[:, None], flipped, x)
        energies = torch.where(accepted, new_energies, energies)
        log_q = torch.where(accepted[:, None], new_log_q, log_q)
    return x


def proposals(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Energies and the log probabilities of each flip's proposal."""
    energies, gradient = energy_and_gradient(net, x)
    return energies, torch.log_softmax((2 * x - 1) * gradient / 2, dim=1)


def ais(kernel: Tensor, chains: int, temperatures: int) -> float:
    """Returns log Z of an RBM without biases, annealed by layers from no couplings."""
    visible, hidden = kernel.shape
    v = torch.bernoulli(torch.full((chains, visible), 0.5))
    weights = torch.zeros(chains, dtype=torch.float64)
    path = torch.linspace(0, 1, temperatures + 1).tolist()
    for before, now in itertools.pairwise(path):
        logits = v @ kernel
        rise = softplus(now * logits) - softplus(before * logits)
        weights += rise.sum(1)
        h = torch.bernoulli(torch.sigmoid(now * logits))
        v = torch.bernoulli(torch.sigmoid(now * (h @ kernel.T)))
    start = (visible + hidden) * math.log(2)
    return float(start + torch.logsumexp(weights, 0) - math.log(chains))


def torchebm_langevin(net: nn.Module, step_size: float):
    """Returns torchebm's sampler as a function of the start and the steps."""

    class Energy(torchebm.core.BaseModel):
        def __init__(self):
            super().__init__(device="cpu")
            self.net = net

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x)[:, 0]

    sampler = torchebm.samplers.LangevinDynamics(Energy(), step_size, device="cpu")
    return lambda x, steps: sampler.sample(x=x, n_steps=steps)


def main() -> None:
    """Runs what it is told to, line by line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--step_size", type=float, default=0.01)
    parser.add_argument("--rbm", help="npy file of the kernel of an RBM, for AIS")
    parser.add_argument("--chains", type=int, default=100)
    parser.add_argument("--temperatures", type=int, default=2000)
    parser.add_argument("--threads", type=int, help="PyTorch's default if not given")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    net = network(args.units)
    reals = torch.randn(args.batch_size, args.units)
    bits = (torch.rand(args.batch_size, args.units) < 0.5).float()
    run = {
        "langevin": {
            "PyTorch": lambda steps: langevin(net, reals, steps, args.step_size)
        },
        "gibbs_with_gradients": {
            "PyTorch": lambda steps: gibbs_with_gradients(net, bits, steps)
        },
    }
    if args.rbm:
        kernel = torch.from_numpy(np.load(args.rbm))
        run["ais"] = {"PyTorch": lambda steps: ais(kernel, args.chains, steps)}
    if torchebm:
        theirs = torchebm_langevin(net, args.step_size)
        run["langevin"]["torchebm"] = lambda steps: theirs(reals, steps)
    for libraries in run.values():
        for walk in libraries.values():
            walk(10)
    ready = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    ready["wait_policy"] = os.environ.get("OMP_WAIT_POLICY")
    ready["samplers"] = {name: list(libraries) for name, libraries in run.items()}
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        sampler, library = json.loads(line)
        steps = args.temperatures if sampler == "ais" else args.steps
        start = time.perf_counter()
        value = run[sampler][library](steps)
        answer = {"seconds": time.perf_counter() - start}
        if sampler == "ais":
            answer["log_z"] = value
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
