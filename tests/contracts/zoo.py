"""Every model of the zoo, small, with a dataset that it can be fitted on."""

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
    return kc.models.SimCLR(trunk(), projection_dim=8, temperature=0.5, seed=3)


def siamese():
    return kc.models.Siamese(trunk(), mild(), projection_dim=8, seed=3)


def siamese_triplet():
    # Of the minings the one without jumps, across which half precision would take
    # other triplets than float32.
    triplets = {"loss": "triplet", "pairs": "labels", "margin": 0.5, "mining": "all"}
    return kc.models.Siamese(trunk(), mild(), projection_dim=8, seed=3, **triplets)


MODELS = {
    "SimCLR": simclr,
    "SimCLR on views": simclr_on_views,
    "Siamese": siamese,
    "Siamese, triplets of labels": siamese_triplet,
}


def images(count=64, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(4, 1).repeat(4, 2)


def dataset(name, batch_size=16, count=64):
    """Batches in a fixed order, as the named model takes them."""
    data = tf.data.Dataset.from_tensor_slices(
        {
            "image": images(count),
            "label": np.arange(count) % 4,
            "id": np.arange(count),
            "file": [f"{i}.png" for i in range(count)],
        }
    )
    data = data.batch(batch_size, drop_remainder=True)
    if "views" not in name:
        return data
    policy = mild()
    return data.enumerate().map(
        lambda i, batch: {
            "views": tuple(
                policy(batch["image"], seed=tf.stack([i, v])) for v in (0, 1)
            ),
            "label": batch["label"],
        }
    )
