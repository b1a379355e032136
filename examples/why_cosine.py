"""Why contrastive nets compare angles: with L2 the length of the vectors gives way.

python examples/why_cosine.py

A Siamese net pulls two views of a digit together and pushes different digits apart up
to a margin. Under L2 the quickest way down is to make all vectors shorter (a small
margin: the pull wins) or longer (a large one: the push wins), and length ranks no digit
anew. With margin 0.1 the loss falls several hundredfold while the neighbours get worse;
with 100 they get worse until the vectors are long enough, and only then better. On the
unit sphere that way is closed: what lowers the loss is the ranking, from the start.
"""

import argparse

import keras
import numpy as np

import keras_contrastive as kc

RUNS = {
    "cosine": {"distance": "cosine", "margin": 1.0},
    "L2, margin 0.1": {"distance": "l2", "margin": 0.1},
    "L2, margin 100": {"distance": "l2", "margin": 100.0},
}


def train(epochs, batch_size, distance, margin):
    """Returns the course of one run, epoch by epoch."""
    keras.utils.set_random_seed(0)
    digits = kc.data.load("contrastive_digits", "train").cache()
    held_out = kc.data.load("contrastive_digits", "validation").cache()
    pairs = kc.data.views(digits, kc.augment.digits(8), batch_size, repeat=True)
    encoder = kc.encoders.create("convnet", (8, 8, 1), filters=(32, 64, 128))
    model = kc.models.Siamese(
        encoder, distance=distance, margin=margin, projection_dim=32, seed=0
    )
    model.compile(keras.optimizers.Adam(3e-3))
    # Of the vectors that the loss compares. Its votes look at angles in every run.
    embedding = keras.Sequential([encoder, model.projection])
    monitor = kc.callbacks.KNNMonitor(digits, held_out, k=20, encoder=embedding)
    steps = int(digits.cardinality()) // batch_size
    return model.fit(
        pairs, epochs=epochs, steps_per_epoch=steps, callbacks=[monitor], verbose=0
    ).history


def main(epochs=20, batch_size=128, out="why_cosine.png"):
    """Trains three nets that differ in the distance alone, and draws their course."""
    runs = {name: train(epochs, batch_size, **run) for name, run in RUNS.items()}
    for name, run in runs.items():
        run["loss (first epoch: 1)"] = np.divide(run["loss"], run["loss"][0])
        for key in ("loss", "embedding_norm", "knn_accuracy"):
            print(f"{name:15} {key:15} {run[key][0]:10.3f} -> {run[key][-1]:.3f}")
    measures = ["loss (first epoch: 1)", "embedding_norm", "knn_accuracy"]
    figure = kc.plots.plot_runs(runs, measures, log=measures[:2])
    print("wrote", kc.plots.save(figure, out))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--out", default="why_cosine.png", help="picture to write")
    main(**vars(parser.parse_args()))
