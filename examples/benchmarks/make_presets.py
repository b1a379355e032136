"""Makes the presets of the package: the net of `methods_cifar10.py`, method by method.

Each is trained as there, or taken from the folder where that script kept it; rounded to
half precision and written; read again; and what was read is measured, on the validation
images and, once, on the test images. It is all in the preset's card, and a row is
printed.

    python examples/benchmarks/make_presets.py --data_dir DIR
"""

import argparse
import pathlib
import sys
import tempfile

import keras

import keras_contrastive as kc

sys.path.append(str(pathlib.Path(__file__).parent))
import methods_cifar10 as benchmark

ZOO = pathlib.Path(kc.encoders.__file__).parent / "zoo"
RATE, SEED = 0.06, 0
PRESETS = {
    "simclr": "SimCLR",
    "dcl": "DCL",
    "moco_v2": "MoCo v2",
    "moco_v3": "MoCo v3",
    "nnclr": "NNCLR",
    "siamese": "Siamese triplet",
    "pirl_jigsaw": "PIRL jigsaw",
    "pirl_rotation": "PIRL rotation",
    "dae": "DAE noise",
}
# What `methods_cifar10.py` printed of its own run with the same settings: validation
# kNN and linear, test kNN and linear. How far two runs are apart is in the card.
ANOTHER_RUN = {
    "SimCLR": (49.8, 58.1, 50.0, 57.0),
    "DCL": (51.9, 60.7, 52.7, 59.5),
    "MoCo v2": (48.1, 54.3, 49.1, 54.1),
    "MoCo v3": (48.8, 56.5, 49.8, 55.5),
    "NNCLR": (47.1, 56.0, 47.9, 55.3),
    "Siamese triplet": (51.9, 59.1, 52.1, 57.8),
    "PIRL jigsaw": (46.8, 54.9, 46.7, 53.8),
    "PIRL rotation": (45.9, 54.1, 46.1, 53.8),
    "DAE noise": (39.1, 46.8, 39.7, 45.7),
}


def another_run(method):
    """Returns the accuracies of another run by split, as the card has its own."""
    knn, linear, *test = ANOTHER_RUN[method]
    splits = {"validation": (knn, linear), "test": test}
    return {
        split: dict(zip(("knn", "linear"), values, strict=True))
        for split, values in splits.items()
    }


def epochs_of(method):
    """Returns the epochs of the results' table."""
    return 15 if method.startswith("PIRL") else 10


def settings(method, epochs):
    """Returns what a method was trained with, its own arguments among it."""
    keras.utils.clear_session()
    encoder = kc.encoders.create("convnet", (32, 32, 3))
    steps = benchmark.IMAGES // benchmark.BATCH * epochs
    config = benchmark.METHODS[method](encoder, steps).get_config()
    passed_over = {"name", "trainable", "seed"}
    own = {
        name: value
        for name, value in config.items()
        if isinstance(value, int | float | str) and name not in passed_over
    }
    shared = {"epochs": epochs, "batch_size": benchmark.BATCH, "seed": SEED}
    if method in benchmark.AUTOENCODERS:
        training = {"optimizer": "Adam, cosine", "learning_rate": 1e-3}
        views = f"with Gaussian noise of {config['corruption']['config']['stddev']}"
    else:
        sgd = "SGD, momentum 0.9, weight decay 5e-4, cosine"
        training = {"optimizer": sgd, "learning_rate": RATE}
        of_images = method in benchmark.ON_IMAGES
        views = "pirl(32)" if of_images else "simclr(32, strength=0.5, blur=False)"
    return {**shared, **training, "views": views, "arguments": own}


def card(key, epochs):
    """Returns what is known before anything is measured."""
    method = PRESETS[key]
    return {
        "method": method,
        "data": f"{benchmark.IMAGES:,} images of CIFAR-10 without labels (tfds "
        f"cifar10 {benchmark.TRAIN}, written from a JPEG mirror)",
        "settings": settings(method, epochs),
        "command": "python examples/benchmarks/make_presets.py --data_dir DIR "
        f"--presets {key}",
        "licence": "Apache-2.0 (the weights; the authors of CIFAR-10 state none)",
    }


def trained(method, images, epochs, trunks=None):
    """Returns a method's trunk: the one that was kept, or a new one, which is kept."""
    kept = trunks and benchmark.kept_at(trunks, method, SEED)
    if kept and kept.is_file():
        return keras.saving.load_model(kept)
    keras.utils.clear_session()
    encoder, _ = benchmark.train(method, images, epochs, RATE, SEED)
    if kept:
        encoder.save(kept)
    return encoder


def make(key, encoder, images, held_out, epochs, out):
    """Writes a preset with the accuracies of what is read from it; returns its card.

    Args:
        key: Of `PRESETS`.
        encoder: The trained trunk.
        images: Labelled images, the bank of kNN and the data of the linear probe.
        held_out: Labelled images by the name under which their accuracy is reported.
        epochs: How many the trunk was trained for.
        out: Folder of presets.
    """
    name = f"convnet_{key}_cifar10"
    with tempfile.TemporaryDirectory() as folder:
        kc.export.export_preset(encoder, folder, half=True)
        rounded = kc.encoders.from_preset(folder)
    bank = kc.evaluation.extract_features(rounded, images)
    accuracy = {
        split: benchmark.accuracies(rounded, bank, data)
        for split, data in held_out.items()
    }
    accuracy |= {"unit": "per cent", "knn": "k 200, temperature 0.1"}
    if epochs == epochs_of(PRESETS[key]):
        accuracy["another_run"] = another_run(PRESETS[key])
    about = {**card(key, epochs), "accuracy": accuracy}
    kc.export.export_preset(rounded, pathlib.Path(out) / name, about, half=True)
    return name, about


def main():
    """Makes the presets one after the other and prints a row each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder of tfds datasets")
    parser.add_argument("--presets", help=f"of {', '.join(PRESETS)}; all by default")
    parser.add_argument("--epochs", type=int, help="by default those of the results")
    parser.add_argument("--trunks", help="folder where trunks are kept, and looked for")
    parser.add_argument("--out", default=ZOO, help="by default the package's own")
    args = parser.parse_args()

    def load(split):
        return kc.data.load("cifar10", split, args.data_dir)

    images = load(benchmark.TRAIN)
    held_out = {"validation": load(benchmark.VALIDATION), "test": load("test")}
    for key in args.presets.split(",") if args.presets else PRESETS:
        method = PRESETS[key]
        epochs = args.epochs or epochs_of(method)
        encoder = trained(method, images, epochs, args.trunks)
        name, about = make(key, encoder, images, held_out, epochs, args.out)
        pairs = (about["accuracy"][x] for x in held_out)
        numbers = " | ".join(f"{x['knn']} / {x['linear']}" for x in pairs)
        print(f"| `{name}` | {method} | {epochs} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
