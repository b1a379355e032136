"""Runs the lowered train steps under jax, and times them: jax and NumPy are enough.

    python run_steps.py pack FOLDER...     # StableHLO in its portable form, beside it
    python run_steps.py check FOLDER...    # TensorFlow's losses again, in float32
    python run_steps.py time FOLDER --images cifar.npy
    python run_steps.py train FOLDER --images cifar.npy --seconds 60
    python run_steps.py ceiling            # a matrix product of 8192^3 in bfloat16

Each prints one JSON object.
"""

import argparse
import json
import pathlib
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
from stable_hlo_call import callable_of, portable
from step_state import initial

jax.config.update("jax_enable_x64", True)  # counters are of 64 bits

_TEXT = "step.mlir"
_TOLERANCE = 1e-3


class Step:
    """A lowered train step and the state that it carries on.

        step = Step(pathlib.Path("simclr_resnet18"))
        metrics = step(images)  # a dictionary, still on the device

    Args:
        folder: As `lower_steps.py` writes it.
        exact: Whether products are of float32 throughout, where the chip would take
            fewer bits by default.
    """

    def __init__(self, folder, exact=False):
        self.about = about = json.loads((folder / "step.json").read_text())
        self.image, *variables = [
            jax.ShapeDtypeStruct(tuple(x["shape"]), x["dtype"])
            for x in about["arguments"]
        ]
        replaced = dict(about["updates"])
        order = {output: argument for argument, output in about["updates"]}
        metrics = len(about["outputs"])
        scalar = jax.ShapeDtypeStruct((), "float32")
        results = [scalar] * metrics
        results += [variables[order[metrics + i] - 1] for i in range(len(order))]
        module = callable_of(
            _artifact(folder, exact), [self.image, *variables], results
        )

        def train_step(state, image):
            results = module(image, *state)
            state = [
                results[replaced[i]] if i in replaced else old
                for i, old in enumerate(state, start=1)
            ]
            return state, dict(zip(about["outputs"], results, strict=False))

        with np.load(folder / "state.npz") as stored:
            entries = about["arguments"][1:]
            self.state = [jax.device_put(initial(x, stored)) for x in entries]
        self.compiled = jax.jit(train_step, donate_argnums=0)
        self.seconds_to_compile = None

    def compile(self):
        """Compiles the step and notes how long that took."""
        start = time.perf_counter()
        types = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in self.state]
        self.compiled = self.compiled.lower(types, self.image).compile()
        self.seconds_to_compile = time.perf_counter() - start
        return self

    def __call__(self, images):
        """Trains on a batch; returns the metrics so far."""
        self.state, metrics = self.compiled(self.state, images)
        return metrics

    def wait(self):
        """Waits until the device has done all that was asked of it."""
        jax.block_until_ready(self.state)


def _packed(folder, exact):
    return folder / ("exact.vhlo" if exact else "step.vhlo")


def _module(folder, exact):
    """Returns a step in the portable form, from its text."""
    text = (folder / _TEXT).read_text()
    if exact:
        # Of convolutions, and of matrix products.
        text = text.replace("precision DEFAULT", "precision HIGHEST")
        text = text.replace("[DEFAULT, DEFAULT]", "[HIGHEST, HIGHEST]")
    return portable(text)


def _artifact(folder, exact):
    packed = _packed(folder, exact)
    return packed.read_bytes() if packed.exists() else _module(folder, exact)


def batches(step, images, count):
    """Returns batches on the device, images enlarged to the side that the step takes.

    Args:
        step: A `Step`.
        images: `(n, side, side, 3)` uint8, or None for smooth random ones.
        count: How many different ones.
    """
    size, side = step.image.shape[:2]
    if images is None:
        images = np.random.default_rng(0).integers(0, 256, [size, 8, 8, 3], np.uint8)
    factor = side // images.shape[1]
    chosen = np.resize(np.arange(len(images)), count * size).reshape(count, size)
    made = []
    for rows in chosen:
        large = images[rows].repeat(factor, axis=1).repeat(factor, axis=2)
        made.append(jax.device_put(large))
    return made


def apart(means):
    """Returns each step's own value, given the running means that a metric returns."""
    sums = np.asarray(means, np.float64) * np.arange(1, len(means) + 1)
    return np.diff(sums, prepend=0.0).tolist()


def check(folder):
    """Runs the steps that TensorFlow ran; compares the losses."""
    step = Step(folder, exact=True)
    expected = step.about["expected"]
    images = jax.device_put(np.load(folder / "images.npy"))
    losses = apart([float(step(images)["loss"]) for _ in expected])
    # MoCo's first loss is 0: there is no negative yet.
    error = np.abs(np.subtract(losses, expected)) / np.maximum(1.0, np.abs(expected))
    error = float(np.max(error))
    return {
        "step": folder.name,
        "losses": losses,
        "tensorflow": expected,
        "largest_error": error,
        "equal": error < _TOLERANCE,
    }


def timed(folder, images, steps, rounds):
    """Times a step; the median of several rounds.

    Returns:
        Images a second (of which a step makes two views each), milliseconds a step,
        operations a second by what was counted, and the losses' beginning and end.
    """
    step = Step(folder).compile()
    data = batches(step, images, 4)
    first = [step(data[i % 4])["loss"] for i in range(5)]
    step.wait()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        for i in range(steps):
            metrics = step(data[i % 4])
        step.wait()
        seconds.append((time.perf_counter() - start) / steps)
    batch = step.image.shape[0]
    median = statistics.median(seconds)
    return {
        "step": folder.name,
        "batch": batch,
        "images_per_second": batch / median,
        "milliseconds": median * 1e3,
        "milliseconds_of_each_round": [x * 1e3 for x in seconds],
        "tera_operations_per_second": step.about["operations_per_image"]
        * batch
        / median
        / 1e12,
        "seconds_to_compile": step.seconds_to_compile,
        "first_losses": apart([float(x) for x in first]),
        "mean_loss": float(metrics["loss"]),
        **memory(),
    }


def train(folder, images, seconds, report=200):
    """Trains on random batches of the images; returns the loss as it falls.

    Args:
        folder: Of the step.
        images: `(n, side, side, 3)` uint8.
        seconds: About how long.
        report: Steps between two losses, each the mean over those steps.
    """
    step = Step(folder).compile()
    everything = jax.device_put(images)
    size = step.image.shape[0]
    pick = jax.jit(
        lambda all_images, key: all_images[
            jax.random.choice(key, len(images), (size,), replace=False)
        ]
    )
    keys = jax.random.split(jax.random.key(0), 100_000)
    start, done, total, losses = time.perf_counter(), 0, 0.0, []
    while time.perf_counter() - start < seconds:
        for _ in range(report):
            metrics = step(pick(everything, keys[done]))
            done += 1
        so_far = float(metrics["loss"]) * done
        losses.append((so_far - total) / report)
        total = so_far
    elapsed = time.perf_counter() - start
    return {
        "step": folder.name,
        "steps": done,
        "seconds": elapsed,
        "images_per_second": done * size / elapsed,
        "losses": losses,
        "finite": bool(np.isfinite(losses).all()),
    }


def ceiling(side=8192, repeats=20):
    """Times a bfloat16 matrix product of random numbers."""
    keys = jax.random.split(jax.random.key(0))
    a, b = (jax.random.normal(key, (side, side), jnp.bfloat16) for key in keys)
    product = jax.jit(jnp.matmul)
    product(a, b).block_until_ready()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(repeats):
            c = product(a, b)
        c.block_until_ready()
        seconds.append((time.perf_counter() - start) / repeats)
    rate = 2 * side**3 / statistics.median(seconds) / 1e12
    return {"side": side, "tera_operations_per_second": rate, **machine()}


def memory():
    """Returns the device's peak memory in GiB, where it keeps count."""
    counts = jax.devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" not in counts:
        return {}
    return {"peak_gib": counts["peak_bytes_in_use"] / 2**30}


def machine():
    """Returns the device and the release of jax."""
    return {"device": jax.devices()[0].device_kind, "jax": jax.__version__}


def main(argv=None):
    """Does one thing for each folder and prints a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = ("pack", "check", "time", "train", "ceiling")
    parser.add_argument("what", choices=what)
    parser.add_argument("folders", nargs="*", type=pathlib.Path)
    parser.add_argument("--images", type=pathlib.Path, help="npy of uint8")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--side", type=int, default=8192)
    args = parser.parse_args(argv)
    if args.what == "ceiling":
        print(json.dumps(ceiling(args.side)), flush=True)
        return
    images = np.load(args.images) if args.images else None
    for folder in args.folders:
        if args.what == "pack":
            for exact in (False, True):
                _packed(folder, exact).write_bytes(_module(folder, exact))
            result = {"step": folder.name, "packed": True}
        elif args.what == "check":
            result = check(folder)
        elif args.what == "time":
            result = timed(folder, images, args.steps, args.rounds)
        else:
            result = train(folder, images, args.seconds)
        print(json.dumps({**result, **machine()}), flush=True)


if __name__ == "__main__":
    main()
