"""The steps that are measured, as all sides of the comparison read them."""

# `source`: side of the images in the batch; `size`: side of the views that the step
# makes of them; `groups`: of MoCo's batch norm.
STEPS = {
    "simclr_resnet18": {
        "method": "simclr",
        "encoder": "resnet18",
        "source": 32,
        "size": 32,
        "batch": 512,
    },
    "simclr_resnet50": {
        "method": "simclr",
        "encoder": "resnet50",
        "source": 256,
        "size": 224,
        "batch": 128,
    },
    "moco_resnet18": {
        "method": "moco",
        "encoder": "resnet18",
        "source": 32,
        "size": 32,
        "batch": 512,
        "queue": 4096,
        "groups": 1,
    },
    "moco_resnet50": {
        "method": "moco",
        "encoder": "resnet50",
        "source": 256,
        "size": 224,
        "batch": 128,
        "queue": 65536,
        "groups": 1,
    },
}
# MoCo as it is by default: batch norm in groups, and the keys' shuffled.
STEPS["moco_resnet18_groups"] = {**STEPS["moco_resnet18"], "groups": 8}

TEMPERATURES = {"simclr": 0.5, "moco": 0.2}
PROJECTION_DIM = 128
KEY_MOMENTUM = 0.99
LEARNING_RATE_PER_256 = 0.06
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4


def learning_rate(batch):
    """Proportional to the batch."""
    return LEARNING_RATE_PER_256 * batch / 256


def is_small(size):
    """Whether views of this side are made as for CIFAR: a milder jitter, no blur."""
    return size < 64
