"""Every model of the zoo, small, with a dataset that it can be fitted on."""

import functools

import numpy as np
import tensorflow as tf

import keras_contrastive as kc

SIZE = 16


def trunk():
    return kc.encoders.create("convnet", (SIZE, SIZE, 3), filters=(8, 16))


def mild():
    """A policy with which a few steps on a few images are enough to learn."""
    return kc.augment.Policy(
        [
            kc.augment.RandomResizedCrop(SIZE, area=(0.5, 1)),
            kc.augment.ColorJitter(0.2, 0.2, 0.2, 0.05),
            kc.augment.GaussianBlur(),
        ]
    )


def simclr():
    return kc.models.SimCLR(trunk(), mild(), projection_dim=8, temperature=0.5, seed=3)


def simclr_on_views():
    return kc.models.SimCLR(trunk(), None, projection_dim=8, temperature=0.5, seed=3)


def simclr_in_chunks():
    """Four chunks a view, one where four replicas share the batch, and blocks."""
    sizes = {"chunk_size": 4, "block_size": 12}
    return kc.models.SimCLR(
        trunk(), None, projection_dim=8, temperature=0.5, seed=3, **sizes
    )


def dcl():
    return kc.models.DCL(trunk(), None, projection_dim=8, temperature=0.5, seed=3)


def sup_con():
    return kc.models.SupCon(trunk(), None, projection_dim=8, temperature=0.5, seed=3)


def moco():
    # Not a multiple of the batch, and shorter than an epoch: an image must not meet
    # its own older key.
    return kc.models.MoCo(trunk(), None, 8, 40, 0.99, 0.5, batch_norm_groups=4, seed=3)


def moco_symmetric():
    """What `moco` leaves out: both directions, a schedule, v1's head."""
    momentum = kc.optimizers.CosineMomentum(0.98, 200)
    head = {"projection_layers": 1, "batch_norm_groups": 4}
    return kc.models.MoCo(
        trunk(), None, 8, 40, momentum, 0.5, symmetric=True, seed=3, **head
    )


def moco_v3():
    return kc.models.MoCoV3(trunk(), None, 8, 16, 0.9, seed=3)


def nnclr():
    # A gentler temperature than the others: its three heads let rounding grow.
    return kc.models.NNCLR(trunk(), None, 8, 16, 16, 40, 1.0, seed=3)


def pirl(**options):
    options = {"augment": mild(), "negatives": 24, "temperature": 0.5} | options
    return kc.models.PIRL(trunk(), 64, projection_dim=8, seed=3, **options)


def pirl_on_views():
    """Everything that `pirl` is not: turned, against the batch, with a constant Z."""
    return pirl(augment=None, transform="rotation", negatives="batch", h="npid")


def siamese():
    return kc.models.Siamese(trunk(), None, projection_dim=8, seed=3)


def siamese_triplet():
    # Of the minings the one without jumps, across which half precision would take
    # other triplets than float32.
    triplets = {"loss": "triplet", "pairs": "labels", "margin": 0.5, "mining": "all"}
    return kc.models.Siamese(trunk(), None, projection_dim=8, seed=3, **triplets)


MODELS = {
    "SimCLR on images": simclr,
    "SimCLR": simclr_on_views,
    "SimCLR in chunks": simclr_in_chunks,
    "DCL": dcl,
    "SupCon": sup_con,
    "MoCo": moco,
    "MoCo, symmetric": moco_symmetric,
    "MoCo v3": moco_v3,
    "NNCLR": nnclr,
    "PIRL": pirl,
    "PIRL on views": pirl_on_views,
    "Siamese": siamese,
    "Siamese, triplets of labels": siamese_triplet,
}
# The others take ready views, which spares each of their tests the augmentation.
ON_IMAGES = {"SimCLR on images", "PIRL"}


def images(count=64, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(4, 1).repeat(4, 2)


@functools.cache
def views(count):
    policy = mild()
    return tuple(policy(images(count), seed=[7, view]).numpy() for view in (0, 1))


def dataset(name, batch_size=16, count=64):
    """Batches in a fixed order, as the named model takes them."""
    if name in ON_IMAGES:
        pixels = {"image": images(count), "file": [f"{i}.png" for i in range(count)]}
    else:
        pixels = {"views": views(count)}
    data = tf.data.Dataset.from_tensor_slices(
        {**pixels, "label": np.arange(count) % 3, "id": np.arange(count)}
    )
    return data.batch(batch_size, drop_remainder=True)
