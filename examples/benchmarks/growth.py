"""How a step's time and memory grow: with batch, image size, queue, bank and views.

    python examples/benchmarks/growth.py batch     # SimCLR, 64 to 65,536 images
    python examples/benchmarks/growth.py image     # SimCLR, 32 to 128 px
    python examples/benchmarks/growth.py queue     # MoCo, 1,024 to 262,144 keys
    python examples/benchmarks/growth.py bank      # PIRL, 10,000 to 1,280,000 entries
    python examples/benchmarks/growth.py views     # making 1 to 8 views

Each point is a process of its own: the small net, batch 256 unless said, batches ready
in memory. Above 512 images the batch goes through the net 256 at a time
(`chunk_size`) and through the loss in blocks (`block_size`). The peak is that of the
process, TensorFlow and the batch itself included. Last comes a model of the time,

    ms = constant + slope x + (of the batch alone, through its loss) curve x^2

with no part below 0, and how far off it is at each point; x is the number of images,
keys, negatives or views, or an image's side squared.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

POINTS = {
    "batch": (64, 256, 1024, 4096, 16384, 65536),
    "image": (32, 64, 96, 128),
    "queue": (1024, 4096, 16384, 65536, 262144),
    "bank": (10_000, 100_000, 1_280_000),
    "views": (1, 2, 4, 8),
}
BATCH = 256


def prepared(axis, point):
    """Returns the images of a step, its size, and the step, a function of nothing."""
    import keras
    import tensorflow as tf

    import keras_contrastive as kc

    keras.utils.set_random_seed(0)
    batch = point if axis == "batch" else BATCH
    side = point if axis == "image" else 32
    images = tf.cast(
        tf.random.uniform([batch, side, side, 3], 0, 256, tf.int32), tf.uint8
    )
    if axis == "views":
        policy = kc.augment.simclr(side, strength=0.5, blur=False)

        @tf.function
        def made():
            return [policy(images, seed=[0, n]) for n in range(point)]

        return batch, made
    encoder = kc.encoders.create("convnet", (side, side, 3))
    data = {"views": (tf.cast(images, tf.float32) / 255,) * 2}
    if axis == "queue":
        model = kc.models.MoCo(encoder, queue_size=point, batch_norm_groups=1, seed=0)
    elif axis == "bank":
        model = kc.models.PIRL(
            encoder, point, kc.augment.pirl(side), "rotation", seed=0
        )
        data = {"image": images, "id": tf.range(batch, dtype=tf.int64)}
    else:
        large = {"chunk_size": 256, "block_size": 512} if batch > 512 else {}
        model = kc.models.SimCLR(encoder, hidden_dim=256, seed=0, **large)
    model.compile(kc.optimizers.SGD(0.06, momentum=0.9))
    batches = tf.data.Dataset.from_tensors(data).repeat()
    model.fit(batches, steps_per_epoch=1, verbose=0)
    iterator = iter(batches)
    return batch, lambda: model.train_function(iterator)


def measure(axis, point, seconds):
    """Returns a point's milliseconds a step, images a second and peak, in MiB."""
    import numpy as np
    import tensorflow as tf

    batch, step = prepared(axis, point)
    taken = []
    for turn in range(50):
        start = time.perf_counter()
        tf.nest.map_structure(lambda x: x.numpy(), step())
        # The first warms up, unless it is all there is time for.
        if turn or time.perf_counter() - start > seconds:
            taken.append(time.perf_counter() - start)
        if sum(taken) > seconds:
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    median = float(np.median(taken))
    return {
        axis: point,
        "ms": round(1e3 * median, 1),
        "images_per_second": round(batch / median),
        "peak_mib": round(peak),
        "steps": len(taken),
    }


def model(axis, rows):
    """Returns the parts of the model, in ms, and each point's relative error.

    Fitted to relative errors, as the points are orders of magnitude apart; from the
    batch on that goes through the net in parts, as below it the step is another.
    """
    import numpy as np
    from scipy.optimize import nnls

    if axis == "batch":
        rows = [row for row in rows if row[axis] > 512]
    x, ms = (np.array([row[name] for row in rows], float) for name in (axis, "ms"))
    columns = {"constant": np.ones_like(x), "slope": x}
    if axis == "image":
        columns["slope"] = x**2
    if axis == "bank":
        # As many negatives as PIRL draws of it.
        columns["slope"] = np.minimum(x, 32_000)
    if axis == "batch":
        columns["curve"] = x**2
    parts, _ = nnls(np.stack(list(columns.values()), 1) / ms[:, None], np.ones_like(x))
    fitted = sum(p * c for p, c in zip(parts, columns.values(), strict=True))
    return {
        "model": {n: float(f"{p:.3g}") for n, p in zip(columns, parts, strict=True)},
        "errors": [float(f"{error:.2f}") for error in fitted / ms - 1],
    }


def main():
    """Prints a JSON line a point, and one of the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("axis", choices=POINTS)
    parser.add_argument("--points", help="instead of the axis's own, with commas")
    parser.add_argument("--seconds", type=float, default=5.0, help="of a point")
    parser.add_argument("--measure", action="store_true", help="in this process")
    args = parser.parse_args()
    points = POINTS[args.axis]
    if args.points:
        points = tuple(map(int, args.points.split(",")))
    if args.measure:
        (point,) = points
        print(json.dumps(measure(args.axis, point, args.seconds)), flush=True)
        return
    rows = []
    for point in points:
        flags = [f"--points={point}", f"--seconds={args.seconds}", "--measure"]
        command = [sys.executable, __file__, args.axis, *flags]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows.append(json.loads(answer.stdout))
        print(answer.stdout, end="", flush=True)
    if len(rows) > 2:
        print(json.dumps(model(args.axis, rows)), flush=True)


if __name__ == "__main__":
    main()
