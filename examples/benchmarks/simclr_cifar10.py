"""SimCLR on CIFAR-10 beside a PyTorch pipeline: images a second and kNN accuracy.

Trains the same small net at the same settings (README of `peers/`), end to end: decode,
augment, train. Three things are timed on the same machine in one run:

- `fit` with the full input pipeline,
- the bare training step on batches that are ready in memory, which is the ceiling,
- the peer, `peers/lightly_simclr.py`, in an environment of its own.

    python examples/benchmarks/simclr_cifar10.py --data_dir DIR --peer_python PYTHON
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from turns import head, row

import keras_contrastive as kc

HERE = pathlib.Path(__file__).parent


def make_model(steps, epochs, batch_size, encoder_name="convnet"):
    """The net and settings that both sides share."""
    encoder = kc.encoders.create(encoder_name, (32, 32, 3))
    model = kc.models.SimCLR(encoder, temperature=0.5, hidden_dim=256, seed=0)
    schedule = kc.optimizers.warmup_cosine(0.06, batch_size, steps, epochs, 0)
    model.compile(kc.optimizers.SGD(schedule, momentum=0.9, weight_decay=5e-4))
    return model


class Waiting(keras.callbacks.Callback):
    """Measures each epoch's wall time, and what of it is spent between steps.

    Keras asks the dataset for the next batch inside the train function, so that is
    wrapped.
    """

    def on_train_begin(self, logs=None):
        """Wraps the train function."""
        self.epochs, self.waited = [], 0.0
        step = self.model.train_function

        def timed(iterator):
            start = time.perf_counter()
            batch = next(iterator)
            self.waited += time.perf_counter() - start
            logs = step(iter([batch]))
            # A step is asynchronous on an accelerator; here the wait must not be
            # hidden by it nor counted twice.
            tf.nest.map_structure(lambda value: value.numpy(), logs)
            return logs

        self.model.train_function = timed

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self.start, self.waited = time.perf_counter(), 0.0

    def on_epoch_end(self, epoch, logs=None):
        """Reads the clock."""
        seconds = time.perf_counter() - self.start
        self.epochs.append((seconds, self.waited / seconds))


def bare_step(batch_size, encoder_name, steps):
    """Images a second of the step alone, on the same ready batch."""
    model = make_model(steps, 10, batch_size, encoder_name)
    views = tuple(tf.random.uniform([batch_size, 32, 32, 3]) for _ in range(2))
    data = tf.data.Dataset.from_tensors({"views": views}).repeat(steps)
    model.fit(data.take(5), verbose=0)
    start = time.perf_counter()
    model.fit(data, verbose=0)
    return steps * batch_size / (time.perf_counter() - start)


def ours(args):
    """Trains with the full pipeline; returns speed, waiting and accuracy."""
    train = kc.data.load("cifar10", "train", args.data_dir)
    test = kc.data.load("cifar10", "test", args.data_dir)
    keras.utils.set_random_seed(args.seed)
    policy = kc.augment.simclr(32, strength=0.5, blur=False)
    pairs = kc.data.views(train, policy, args.batch_size, seed=args.seed)
    if args.steps_per_epoch:
        pairs = pairs.take(args.steps_per_epoch)
    model = make_model(len(pairs), args.epochs, args.batch_size, args.encoder)
    clock = Waiting()
    history = model.fit(pairs, epochs=args.epochs, callbacks=[clock], verbose=2).history
    images = len(pairs) * args.batch_size
    speeds = [images / seconds for seconds, _ in clock.epochs]
    result = {
        "images_per_second": float(np.median(speeds)),
        "images_per_second_each_epoch": [round(speed, 1) for speed in speeds],
        "share_waiting": float(np.median([share for _, share in clock.epochs])),
        "loss": history["loss"][-1],
    }
    if not args.timing_only:
        bank, labels = kc.evaluation.extract_features(model.encoder, train)
        queries, answers = kc.evaluation.extract_features(model.encoder, test)
        result["knn"] = kc.evaluation.knn_accuracy(bank, labels, queries, answers)
    return result


def peer(args, environment):
    """Runs the PyTorch side; returns what it reports."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "result.json"
        command = [args.peer_python, str(HERE / "peers" / "lightly_simclr.py")]
        command += ["--data", args.peer_data, "--json", str(out)]
        command += ["--epochs", str(args.epochs), "--seed", str(args.seed)]
        command += ["--batch_size", str(args.batch_size)]
        if args.steps_per_epoch:
            command += ["--steps_per_epoch", str(args.steps_per_epoch)]
        subprocess.run(command, check=True, env={**os.environ, **environment})
        return json.loads(out.read_text())


def table(results):
    """Returns the results in Markdown; our `fit` over a peer is the ratio."""
    ours = results["keras_contrastive"]
    lines = [head("side", "images/s", "our ratio to it", "kNN top-1, %", "last loss")]
    bare = [results["bare_step_before"], results["bare_step_after"]]
    for name, speed in zip(("before", "after"), bare, strict=True):
        ratio = f"{ours['images_per_second'] / speed:.2f}"
        lines.append(row(f"bare step, {name}", f"{speed:,.1f}", ratio, "", ""))
    for name, side in results.items():
        if not isinstance(side, dict):
            continue
        if side is ours:
            label, speed, ratio = (
                "keras_contrastive, fit",
                side["images_per_second"],
                "",
            )
            knn, loss = side.get("knn"), side["loss"]
        else:
            # Of an epoch each, as ours.
            speed = np.median([epoch["images_per_second"] for epoch in side["epochs"]])
            label, ratio = name.replace("_", " "), ours["images_per_second"] / speed
            ratio = f"{ratio:.2f}"
            knn, loss = side["result"]["knn_top1"], side["result"]["final_loss"]
        # What a run for the time alone has learned says nothing.
        accuracy = f"{100 * knn:.1f}" if "knn" in ours else ""
        lines.append(row(label, f"{speed:,.1f}", ratio, accuracy, f"{loss:.2f}"))
    return "\n".join(lines)


def main():
    """Runs the comparison and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder of tfds datasets")
    parser.add_argument("--peer_python", help="python of the peer's environment")
    parser.add_argument("--peer_data", help="npz of peers/export_cifar10.py")
    parser.add_argument("--encoder", default="convnet")
    parser.add_argument("--policy", default="float32", help="ours: mixed_bfloat16")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--steps_per_epoch", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timing_only", action="store_true", help="no accuracy")
    parser.add_argument("--json", type=pathlib.Path, help="file to write")
    args = parser.parse_args()
    keras.config.set_dtype_policy(args.policy)
    bare = args.batch_size, args.encoder, min(60, args.steps_per_epoch or 60)
    results = {"bare_step_before": bare_step(*bare)}
    results["keras_contrastive"] = ours(args)
    results["bare_step_after"] = bare_step(*bare)
    if args.peer_python:
        # With PyTorch's default its idle threads spin and take the cores from the
        # loader's workers; "passive" is its fastest setting, with the same results.
        passive = {"OMP_WAIT_POLICY": "passive"}
        results["lightly_passive_threads"] = peer(args, passive)
        if args.timing_only:
            results["lightly_default_threads"] = peer(args, {})
    print(table(results))
    if args.json:
        args.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
