"""CIFAR-10 with few labels: a pretrained trunk fine-tuned beside one from scratch.

Each net is pretrained without labels on the first 45,000 training images. Then it is
fine-tuned with 1%, 10% and all of their labels, and so is a net from scratch, with the
same labels, augmentation and steps. Both sides choose their learning rate among the
same ones by the other 5,000 training images, on the first draw of the labels. Beside
them the pretrained trunk is left as it is, under a linear probe or a vote of its
nearest neighbours among the same labels. What is trained is kept, so that `--split
test` trains nothing: it takes the classifiers that were chosen and reads the test
images once. A run that was cut off goes on.

    python examples/benchmarks/label_efficiency_cifar10.py --data_dir DIR --kept KEPT
    python examples/benchmarks/label_efficiency_cifar10.py --data_dir DIR --kept KEPT \
        --split test
"""

import argparse
import dataclasses
import functools
import json
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import methods_cifar10
import numpy as np

import keras_contrastive as kc

# Labels a class of 45,000 images; None stands for all.
BUDGETS = {"1%": 45, "10%": 450, "100%": None}
STARTS = ("scratch", "pretrained")


@dataclasses.dataclass(frozen=True)
class Net:
    """A trunk, and how long it is trained on a CPU.

    Attributes:
        options: Arguments of `kc.encoders.create`.
        precision: Keras's dtype policy.
        pretraining: Epochs without labels.
        training: Epochs with labels, and rates of Adam for a choice, by budget.
    """

    options: dict
    precision: str
    pretraining: int
    training: dict

    def make(self):
        """Returns the trunk at its start."""
        return kc.encoders.create(input_shape=(32, 32, 3), **self.options)


NETS = {
    "convnet": Net(
        {"name": "convnet"},
        "float32",
        10,
        {
            "1%": (60, (3e-4, 1e-3, 3e-3, 1e-2)),
            "10%": (15, (1e-3, 3e-3, 1e-2, 3e-2)),
            "100%": (3, (3e-3, 1e-2)),
        },
    ),
    "resnet18/4": Net(
        {"name": "resnet18", "width": 0.25},
        "mixed_bfloat16",
        8,
        {
            "1%": (60, (1e-3, 3e-3, 1e-2)),
            "10%": (6, (3e-3, 1e-2, 3e-2)),
            "100%": (1, (3e-3, 1e-2)),
        },
    ),
}


class Rows:
    """The rows of a file of JSON lines, found again by what they are of."""

    def __init__(self, path):
        self.path = path
        self.rows = []
        if path.is_file():
            self.rows = [json.loads(line) for line in path.read_text().splitlines()]

    def add(self, of, measure):
        """Returns the row of `of`; measures, prints and writes it if it is new."""
        for row in self.rows:
            if row.items() >= of.items():
                return row
        start = time.perf_counter()
        row = of | measure()
        row["seconds"] = round(time.perf_counter() - start)
        print(json.dumps(row), flush=True)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self.rows.append(row)
        return row


class Study:
    """One net: pretrained, measured, and fine-tuned beside one from scratch."""

    def __init__(self, name, args):
        self.name, self.net, self.args = name, NETS[name], args
        keras.mixed_precision.set_global_policy(self.net.precision)
        self.kept = pathlib.Path(args.kept) / name.replace("/", "-")
        self.kept.mkdir(parents=True, exist_ok=True)
        self.rows = Rows(pathlib.Path(args.kept) / "rows.jsonl")
        self.extracted = None

    def pretrained(self):
        """Returns the trunk trained without labels, one of methods_cifar10.py too."""
        path = self.kept / f"{self.args.method} 0.keras"

        def train():
            images = kc.data.load("cifar10", methods_cifar10.TRAIN, self.args.data_dir)
            encoder, speed = methods_cifar10.train(
                self.args.method,
                images,
                self.net.pretraining,
                0.06,
                0,
                make=self.net.make,
            )
            encoder.save(path)
            return {"epochs": self.net.pretraining, "images_per_second": speed}

        if not path.is_file():
            self.rows.add({"net": self.name, "pretrained by": self.args.method}, train)
        return keras.saving.load_model(path)

    def features(self, labels, draws, split, train, held_out):
        """Measures the frozen features, with the labels of each draw."""

        def measure():
            if self.extracted is None:
                encoder = self.pretrained()
                self.extracted = [
                    kc.evaluation.extract_features(encoder, images)
                    for images in (train, held_out)
                ]
            (bank, known), queries = self.extracted
            found = {"knn": [], "linear": []}
            for draw in range(draws):
                rows = self.rows_of(labels, draw, known)
                sets = bank[rows], known[rows], *queries
                knn = kc.evaluation.knn_accuracy(*sets)
                linear = kc.evaluation.linear_probe(*sets, standardise_on=bank)
                found["knn"].append(round(100 * knn, 2))
                found["linear"].append(round(100 * linear, 2))
            return found

        of = {"net": self.name, "labels": labels, "start": "frozen", "split": split}
        return self.rows.add(of, measure)

    def rows_of(self, labels, draw, known):
        """Returns which training images have a label."""
        each = BUDGETS[labels]
        if each is None:
            return np.arange(len(known))
        return kc.evaluation.class_balanced_subset(known, each, draw)

    def file(self, labels, start, draw, rate):
        """Returns where a classifier is kept."""
        return self.kept / f"{labels} {start} {draw} {rate}.keras"

    def classifier(self, labels, start, draw, rate, train, held_out):
        """Trains a classifier; returns its row, of the validation images."""

        def fine_tune():
            keras.utils.set_random_seed(draw)
            trunk = self.pretrained() if start == "pretrained" else self.net.make()
            rows = self.rows_of(labels, draw, train[1])
            result = kc.evaluation.fine_tune(
                trunk,
                tuple(x[rows] for x in train),
                held_out,
                10,
                epochs=self.net.training[labels][0],
                learning_rate=rate,
                augment=kc.augment.crop_and_flip(32),
                copy=False,
                seed=draw,
            )
            result.model.save(self.file(labels, start, draw, rate))
            loss = round(result.history["loss"][-1], 3)
            return {"accuracy": round(100 * result.accuracy, 2), "last_loss": loss}

        of = {"net": self.name, "labels": labels, "start": start, "draw": draw}
        return self.rows.add(of | {"rate": rate, "split": "validation"}, fine_tune)

    def chosen(self, labels, start, train, held_out):
        """Returns the rate that does best on the validation images."""
        measured = functools.partial(self.classifier, labels, start, 0)
        accuracy = {
            rate: measured(rate, train, held_out)["accuracy"]
            for rate in self.net.training[labels][1]
        }
        return max(accuracy, key=accuracy.get)

    def tested(self, labels, start, draw, rate, test):
        """Measures a kept classifier on the test images."""

        def measure():
            model = keras.saving.load_model(self.file(labels, start, draw, rate))
            images, expected = test
            logits = model.predict(images.astype(np.float32) / 255, 500, verbose=0)
            right = np.mean(logits.argmax(axis=1) == expected)
            return {"accuracy": round(100 * float(right), 2)}

        of = {"net": self.name, "labels": labels, "start": start, "draw": draw}
        return self.rows.add(of | {"rate": rate, "split": "test"}, measure)


def images_of(split, data_dir):
    """Returns images `(n, 32, 32, 3)` uint8 and their labels."""
    data = kc.data.load("cifar10", split, data_dir)
    batch = next(iter(data.batch(int(data.cardinality()))))
    return batch["image"].numpy(), batch["label"].numpy()


def cell(accuracies):
    """Returns the mean, with the spread where there is one."""
    spread = f" ± {np.std(accuracies, ddof=1):.1f}" if len(accuracies) > 1 else ""
    return f"{np.mean(accuracies):.1f}{spread}"


def main():
    """Prints a row for each measurement, and a table at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder of tfds datasets")
    parser.add_argument("--kept", required=True, help="folder of rows and nets")
    parser.add_argument("--split", default="validation", choices=["validation", "test"])
    parser.add_argument("--nets", default=",".join(NETS))
    parser.add_argument("--budgets", default=",".join(BUDGETS))
    parser.add_argument("--method", default="SimCLR", help="of methods_cifar10.py")
    parser.add_argument("--draws", type=int, default=3, help="of few labels")
    args = parser.parse_args()
    train = images_of(methods_cifar10.TRAIN, args.data_dir)
    validation = images_of(methods_cifar10.VALIDATION, args.data_dir)
    test = images_of("test", args.data_dir) if args.split == "test" else None
    lines = []
    for name in args.nets.split(","):
        study = Study(name, args)
        for labels in args.budgets.split(","):
            draws = args.draws if BUDGETS[labels] else 1
            cells = []
            for start in STARTS:
                rate = study.chosen(labels, start, train, validation)
                rows = [
                    study.tested(labels, start, draw, rate, test)
                    if test
                    else study.classifier(labels, start, draw, rate, train, validation)
                    for draw in range(draws)
                ]
                cells.append(cell([row["accuracy"] for row in rows]))
            held_out = test or validation
            frozen = study.features(labels, draws, args.split, train, held_out)
            cells += [cell(frozen["linear"]), cell(frozen["knn"])]
            lines.append(f"| {name} | {labels} | {' | '.join(cells)} |")
    print("\n| net | labels | from scratch | pretrained | frozen: linear | kNN |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
