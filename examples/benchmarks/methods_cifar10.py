"""Every embedding method on CIFAR-10 with one small net: accuracy, speed, memory.

Each method is trained in a process of its own on 45,000 training images. Settings are
chosen with `--split validation`, the other 5,000; `--split test` is for the end.

    python examples/benchmarks/methods_cifar10.py --data_dir DIR --split validation

Speed and memory need a machine with nothing else to do: `--timing_only` takes 90 steps
of each method and reads no accuracy.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import keras_contrastive as kc

BATCH = 256
TRAIN, VALIDATION = "train[:90%]", "train[90%:]"
IMAGES = 45_000
m = kc.models


def moco_v3(encoder, steps):
    """MoCo v3 with heads that fit the small net, and the paper's rising momentum."""
    momentum = kc.optimizers.CosineMomentum(0.99, steps)
    return m.MoCoV3(encoder, None, 128, 512, momentum, temperature=0.2)


def pirl(encoder, policy=None, **options):
    """PIRL with a bank of the training images."""
    return m.PIRL(encoder, IMAGES, policy, negatives=4096, temperature=0.2, **options)


def autoencoder(encoder, corruption):
    """A denoising autoencoder with a decoder as deep as the trunk."""
    decoder = kc.encoders.create_decoder("convnet", 256, (32, 32, 3))
    return m.DenoisingAutoencoder(encoder, decoder, corruption, seed=0)


# Name: a function of the trunk and the number of steps to a model that takes views.
ON_VIEWS = {
    "SimCLR": lambda e, _: m.SimCLR(e, temperature=0.5, hidden_dim=256),
    "DCL": lambda e, _: m.DCL(e, temperature=0.2, hidden_dim=256),
    "SupCon (labels)": lambda e, _: m.SupCon(e, temperature=0.2, hidden_dim=256),
    "MoCo v2": lambda e, _: m.MoCo(e, queue_size=4096, momentum=0.99, hidden_dim=256),
    "MoCo v3": moco_v3,
    "NNCLR": lambda e, _: m.NNCLR(e, None, 128, 512, 512, 4096, temperature=0.2),
    "Siamese triplet": lambda e, _: m.Siamese(e, loss="triplet", projection_dim=128),
    "PIRL rotation": lambda e, _: pirl(e, transform="rotation"),
}
# The same to a model that takes images: a jigsaw cuts the image, not a view of it.
ON_IMAGES = {"PIRL jigsaw": lambda e, _: pirl(e, kc.augment.pirl(32))}
# And to one that mends images, with Adam: its loss is a sum over 3,072 numbers.
AUTOENCODERS = {
    "DAE noise": lambda e, _: autoencoder(e, kc.augment.GaussianNoise(0.2)),
    "DAE patches": lambda e, _: autoencoder(e, kc.augment.Masking(0.5, patch_size=4)),
}
METHODS = ON_VIEWS | ON_IMAGES | AUTOENCODERS
NAMES = ("untrained", "supervised (labels)", *METHODS)


def convnet():
    """Returns the small net."""
    return kc.encoders.create("convnet", (32, 32, 3))


def train(name, images, epochs, rate, seed, most_steps=None, make=convnet):
    """Returns the trunk that `make` makes, trained, and images a second.

    The first epoch is left out of the speed.
    """
    keras.utils.set_random_seed(seed)
    encoder = make()
    policy = kc.augment.simclr(32, strength=0.5, blur=False)
    count = 1 if name.startswith("supervised") else 2
    if name in ON_IMAGES | AUTOENCODERS:
        batches = kc.data.batches(images, BATCH, seed)
    else:
        batches = kc.data.views(images, policy, BATCH, seed, count)
    batches = batches.take(most_steps or len(batches))
    steps = len(batches) * epochs
    schedule = kc.optimizers.warmup_cosine(rate, BATCH, len(batches), epochs, 0)
    optimizer = kc.optimizers.SGD(schedule, momentum=0.9, weight_decay=5e-4)
    if name in AUTOENCODERS:
        cosine = keras.optimizers.schedules.CosineDecay(1e-3, steps)
        optimizer = keras.optimizers.Adam(cosine)
    if name == "untrained":
        return encoder, None
    if count == 1:
        outputs = keras.layers.Dense(10)(encoder.output)
        model = keras.Model(encoder.input, outputs)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss)
        batches = batches.map(lambda x: (x["views"][0], x["label"]))
    else:
        keras.utils.set_random_seed(seed)
        model = METHODS[name](encoder, steps)
        model.compile(optimizer)
    clock = Clock()
    model.fit(batches, epochs=epochs, callbacks=[clock], verbose=2)
    seconds = np.median(clock.seconds[1:] or clock.seconds)
    return encoder, round(len(batches) * BATCH / seconds)


class Clock(keras.callbacks.Callback):
    """Measures the seconds of each epoch."""

    def on_train_begin(self, logs=None):
        """Starts an empty list."""
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Reads the clock."""
        self.seconds.append(time.perf_counter() - self.start)


def one(name, args):
    """Trains and measures one method; returns its row."""
    images = kc.data.load("cifar10", TRAIN, args.data_dir)
    epochs, most = (3, 30) if args.timing_only else (args.epochs, None)
    kept = kept_at(args.trunks or "", name, args.seed)
    if args.split == "test" and kept.is_file():
        encoder, speed = keras.saving.load_model(kept), None
    else:
        encoder, speed = train(name, images, epochs, args.rate, args.seed, most)
        if args.trunks:
            encoder.save(kept)
    # In KiB on Linux. Before the evaluation, whose bank is the same for all.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    row = {"method": name, "images_per_second": speed, "peak_gib": round(peak, 2)}
    if args.timing_only:
        return row
    split = "test" if args.split == "test" else VALIDATION
    held_out = kc.data.load("cifar10", split, args.data_dir)
    bank = kc.evaluation.extract_features(encoder, images)
    row |= {"split": split, "epochs": epochs, "learning_rate": args.rate}
    return row | accuracies(encoder, bank, held_out)


def kept_at(folder, name, seed):
    """Returns where a method's trunk is kept."""
    return pathlib.Path(folder) / f"{name} {seed}.keras"


def accuracies(encoder, bank, held_out):
    """Returns kNN and linear accuracy in per cent; the bank is features and labels."""
    sets = *bank, *kc.evaluation.extract_features(encoder, held_out)
    return {
        "knn": round(100 * kc.evaluation.knn_accuracy(*sets), 1),
        "linear": round(100 * kc.evaluation.linear_probe(*sets, c=0.1), 1),
    }


def main():
    """Runs the methods one after the other and prints a row each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder of tfds datasets")
    parser.add_argument("--methods", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--split", choices=("validation", "test"))
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rate", type=float, default=0.06, help="at batch 256")
    parser.add_argument(
        "--trunks", help="folder where trunks are kept, so that test need not train"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timing_only", action="store_true", help="no accuracy")
    parser.add_argument("--json", help="file to which rows are added")
    parser.add_argument("--here", action="store_true", help="in this very process")
    args = parser.parse_args()
    if not (args.split or args.timing_only):
        parser.error("--split says whose accuracy is read, or --timing_only none")
    names = args.methods.split(",") if args.methods else NAMES
    for name in names:
        if args.here:
            row = json.dumps(one(name, args))
            print(row, flush=True)
            if args.json:
                with open(args.json, "a") as file:
                    file.write(row + "\n")
            continue
        command = [sys.executable, __file__, *sys.argv[1:], "--here"]
        subprocess.run([*command, "--methods", name], check=True)


if __name__ == "__main__":
    main()
