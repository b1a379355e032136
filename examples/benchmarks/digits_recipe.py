"""Chooses the recipe of `keras-contrastive pretrain` for digits, on validation images.

    python examples/benchmarks/digits_recipe.py

Trains SimCLR on the 1,197 training digits with each recipe and prints what the features
are worth on the 300 validation images; the test images are not read.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import keras_contrastive as kc

SIZE, BATCH = 16, 256
RECIPES = {
    "sgd, tau 0.5": {},
    "sgd, tau 0.2": {"temperature": 0.2},
    "sgd, tau 1.0": {"temperature": 1.0},
    "adam 1e-3, tau 0.5": {"optimizer": keras.optimizers.Adam, "rate": 1e-3},
    "8 px, tau 0.5": {"size": 8},
    "SimCLR's crops and flips": {"policy": kc.augment.simclr},
}


def pretrain(
    train,
    temperature=0.5,
    optimizer=lambda rate: kc.optimizers.SGD(rate, weight_decay=5e-4),
    rate=0.1,
    size=SIZE,
    policy=kc.augment.digits,
    epochs=100,
):
    """Returns an encoder that was trained by one recipe."""
    keras.utils.set_random_seed(0)
    pairs = kc.data.views(train, policy(size), BATCH, repeat=True)
    steps = int(train.cardinality()) // BATCH
    encoder = kc.encoders.create("convnet", (size, size, 1))
    model = kc.models.SimCLR(encoder, None, 64, temperature, seed=0)
    schedule = kc.optimizers.warmup_cosine(rate, BATCH, steps, epochs, epochs / 20)
    model.compile(optimizer(schedule))
    model.fit(pairs, epochs=epochs, steps_per_epoch=steps, verbose=0)
    return encoder, size


def main():
    """Prints one row a recipe."""
    train, held_out = (
        kc.data.load("contrastive_digits", split) for split in ("train", "validation")
    )
    (images, labels), (queries, answers) = (
        map(
            np.stack,
            zip(
                *[(x["image"], x["label"]) for x in data.as_numpy_iterator()],
                strict=True,
            ),
        )
        for data in (train, held_out)
    )
    vectors = [np.reshape(x / 255, [len(x), -1]) for x in (images, queries)]
    results = {}

    def measure(name, bank, found):
        results[name] = kc.evaluation.label_efficiency(
            bank, labels, found, answers, draws=10, k=20
        )
        print(kc.evaluation.label_efficiency_table({name: results[name]}), flush=True)

    measure("raw pixels", *vectors)
    for name, recipe in RECIPES.items():
        encoder, size = pretrain(train, **recipe)
        features = (
            kc.evaluation.extract_features(encoder, data, image_size=size)[0]
            for data in (train, held_out)
        )
        measure(name, *features)
    print("\n" + kc.evaluation.label_efficiency_table(results, markdown=True))


if __name__ == "__main__":
    main()
