"""Importing torchvision beside a PyTorch that cannot load its compiled operators."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def torchvision_without_operators() -> Iterator[None]:
    """Let torchvision be imported where its compiled operators cannot load.

    The wheel of torchvision registers shapes for operators (non-maximum suppression
    and the like) that a CPU build of PyTorch cannot load, and so fails at import.
    Its transforms are pure Python and need none of them.
    """
    register_fake = torch.library.register_fake

    def register_known(op, *args, **kwargs):
        if isinstance(op, str) and op.startswith("torchvision::"):
            return lambda function: function
        return register_fake(op, *args, **kwargs)

    torch.library.register_fake = register_known
    try:
        yield
    finally:
        torch.library.register_fake = register_fake
