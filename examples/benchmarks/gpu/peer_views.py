"""The policies of `kc.augment` in PyTorch, batched and on the device.

Each takes its random numbers, so that it can be held against the library's own layer.
Images are `(batch, channels, height, width)` in [0, 1], numbers `(batch, n)`.
"""

import math

import torch
import torch.nn.functional as F

ATTEMPTS = 10
CROP_NUMBERS, JITTER_NUMBERS, BLUR_NUMBERS = 2 * ATTEMPTS + 3, 10, 2
LUMA = (0.299, 0.587, 0.114)


def between(numbers, low, high):
    """Stretches numbers from [0, 1) to [low, high)."""
    return low + (high - low) * numbers


def crop(images, numbers, size, area=(0.08, 1.0), ratio=(3 / 4, 4 / 3)):
    """A random box of each square image, flipped or not, resized to `size`."""
    shares = between(numbers[:, :ATTEMPTS], *area)
    logs = [math.log(end) for end in ratio]
    ratios = torch.exp(between(numbers[:, ATTEMPTS : 2 * ATTEMPTS], *logs))
    tall, wide = torch.sqrt(shares / ratios), torch.sqrt(shares * ratios)
    fits = (tall <= 1) & (wide <= 1)
    first = fits.to(torch.int8).argmax(dim=1, keepdim=True)
    found = fits.any(dim=1)
    height = torch.where(found, tall.gather(1, first)[:, 0], 1.0)
    width = torch.where(found, wide.gather(1, first)[:, 0], 1.0)
    place = torch.where(found[:, None], numbers[:, -3:-1], 0.5)
    top, left = place[:, 0] * (1 - height), place[:, 1] * (1 - width)
    flipped = numbers[:, -1] < 0.5
    start = torch.where(flipped, left + width, left)
    width = torch.where(flipped, -width, width)
    steps = torch.linspace(0, 1, size, device=images.device)
    x = 2 * (start[:, None] + width[:, None] * steps) - 1
    y = 2 * (top[:, None] + height[:, None] * steps) - 1
    shape = (-1, size, size)
    grid = torch.stack(
        [x[:, None, :].expand(shape), y[:, :, None].expand(shape)], dim=-1
    )
    return F.grid_sample(images, grid, "bilinear", "border", align_corners=True)


def jitter(images, numbers, strength, rate=0.8, grey_rate=0.2):
    """Brightness, contrast, saturation, hue in random order, then grey, as one map.

    Args:
        images: `(batch, 3, height, width)`.
        numbers: `(batch, 10)`.
        strength: Of the four, in this order.
        rate: Share of the images that are jittered.
        grey_rate: Share that are made grey.
    """
    device, batch = images.device, len(images)
    eye = torch.eye(3, device=device)
    to_luma = torch.tensor([LUMA] * 3, device=device)
    turn = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=device)
    brightness, contrast, saturation = (
        between(numbers[:, i], max(0, 1 - s), 1 + s)[:, None, None]
        for i, s in enumerate(strength[:3])
    )
    angle = 2 * math.pi * between(numbers[:, 3], -strength[3], strength[3])
    cos, sin = (f(angle)[:, None, None] for f in (torch.cos, torch.sin))
    maps = torch.stack(
        [
            brightness * eye,
            contrast * eye,
            saturation * eye + (1 - saturation) * to_luma,
            cos * eye + (1 - cos) / 3 + sin * turn / math.sqrt(3),
        ],
        dim=1,
    )
    order = numbers[:, 4:8].argsort(dim=1)
    rows = torch.arange(batch, device=device)[:, None]
    maps = maps[rows, order]
    share = (order == 1) * (1 - contrast[:, :, 0])
    matrix = eye.expand(batch, 3, 3)
    current = images.mean(dim=(2, 3))[:, :, None]
    bias = torch.zeros_like(current)
    for i in range(4):
        added = share[:, i, None, None] * current
        matrix = maps[:, i] @ matrix
        bias = maps[:, i] @ bias + added
        current = maps[:, i] @ current + added
    jittered = (numbers[:, 8] < rate)[:, None, None]
    matrix = torch.where(jittered, matrix, eye)
    bias = torch.where(jittered, bias, 0.0)
    grey = (numbers[:, 9] < grey_rate)[:, None, None]
    matrix = torch.where(grey, to_luma @ matrix, matrix)
    bias = torch.where(grey, to_luma @ bias, bias)
    # Three sums of three, which fuse with what stands around them, where a product of
    # 3x3 matrices would not.
    channels = [
        sum(matrix[:, i, j, None, None] * images[:, j] for j in range(3))
        + bias[:, i, :, None]
        for i in range(3)
    ]
    return torch.stack(channels, dim=1).clamp(0, 1)


def blur(images, numbers, sigma=(0.1, 2.0), rate=0.5):
    """Blurs half of the images, each by a width of its own."""
    side = images.shape[-1]
    radius = max(1, round(0.1 * side) // 2)
    width = between(numbers[:, 0], *sigma)
    offsets = torch.arange(-radius, radius + 1, device=images.device)
    taps = torch.exp(-0.5 * (offsets / width[:, None]) ** 2)
    taps = (taps / taps.sum(dim=1, keepdim=True))[:, :, None, None, None]
    soft = images
    for axis, pad in ((2, (0, 0, radius, radius)), (3, (radius, radius, 0, 0))):
        padded = F.pad(soft, pad, mode="reflect")
        soft = sum(
            taps[:, i] * padded.narrow(axis, i, side) for i in range(2 * radius + 1)
        )
    chosen = (numbers[:, 1] < rate)[:, None, None, None]
    return torch.where(chosen, soft.clamp(0, 1), images)


def view(images, step):
    """Returns a view of uint8 images `(batch, height, width, 3)`, as the step asks."""
    size, small = step["size"], step["size"] < 64
    moco = step["method"] == "moco" and not small
    images = images.permute(0, 3, 1, 2).float() / 255

    def draw(count):
        return torch.rand(len(images), count, device=images.device)

    images = crop(images, draw(CROP_NUMBERS), size, (0.2 if moco else 0.08, 1.0))
    if small:
        strength = (0.4, 0.4, 0.4, 0.1)
    else:
        strength = (0.4, 0.4, 0.4, 0.1) if moco else (0.8, 0.8, 0.8, 0.2)
    images = jitter(images, draw(JITTER_NUMBERS), strength)
    return images if small else blur(images, draw(BLUR_NUMBERS))
