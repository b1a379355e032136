"""NT-Xent at once and in blocks: seconds and memory of a loss with its gradient.

    python examples/benchmarks/streaming_nt_xent.py
    python examples/benchmarks/streaming_nt_xent.py --batch=65536 --block_size=256

Each figure comes from a process of its own. Seconds are the least of some calls after
one to warm up; the peak is that of the whole process, TensorFlow included. What does
not fit into the memory that is free is not tried at once. A batch of 65,536 images
takes minutes on two cores.
"""

import argparse
import os
import resource
import subprocess
import sys
import time

DIM, TEMPERATURE = 128, 0.1
# What a step at once holds of matrices as large as the logits.
COPIES = 3


def measure(batch, block_size, calls):
    """Returns the seconds and the peak in MiB of one loss and gradient."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    import keras_contrastive as kc

    z1 = tf.random.stateless_normal([batch, DIM], [0, 1])
    z2 = z1 + tf.random.stateless_normal([batch, DIM], [0, 2])

    @tf.function
    def step(z1, z2):
        with tf.GradientTape() as tape:
            tape.watch([z1, z2])
            losses = kc.losses.nt_xent(z1, z2, TEMPERATURE, block_size=block_size)
            loss = tf.reduce_mean(losses)
        return loss, tape.gradient(loss, [z1, z2])

    seconds = []
    for _ in range(calls + 1):
        start = time.perf_counter()
        loss, gradients = step(z1, z2)
        loss.numpy(), gradients[0].numpy()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Of the only call, where one is all there is time for.
    return min(seconds[1:] or seconds), peak / 1024, float(loss)


def apart(batch, block_size, calls):
    """Runs `measure` in a fresh process."""
    arguments = [f"--batch={batch}", f"--block_size={block_size}", f"--calls={calls}"]
    run = subprocess.run(
        [sys.executable, __file__, "--measure", *arguments],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return map(float, run.stdout.split())


def free():
    """Returns the memory that is free, in MiB."""
    with open("/proc/meminfo") as lines:
        kib = dict(line.split(":") for line in lines)["MemAvailable"]
    return int(kib.split()[0]) / 1024


def main(batches, block_size, calls):
    """Prints one row a batch."""
    print("| batch | dense, s | streaming, s | dense, peak MiB | streaming, peak MiB |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for batch in batches:
        needed = COPIES * (2 * batch) ** 2 * 4 / 2**20
        seconds, peak, loss = apart(batch, block_size, calls)
        if needed < free():
            dense, dense_peak, dense_loss = apart(batch, 0, calls)
            assert abs(loss - dense_loss) < 1e-5, (loss, dense_loss)
            at_once, at_peak = f"{dense:.2f}", f"{dense_peak:,.0f}"
        else:
            at_once, at_peak = "-", f"(needs about {needed:,.0f})"
        row = f"{batch:,} | {at_once} | {seconds:.2f} | {at_peak} | {peak:,.0f}"
        print(f"| {row} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, nargs="+", default=[4096, 16384])
    parser.add_argument("--block_size", type=int, default=512)
    parser.add_argument("--calls", type=int, default=3, help="0: the first one counts")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.measure:
        print(*measure(flags.batch[0], flags.block_size or None, flags.calls))
    else:
        main(flags.batch, flags.block_size, flags.calls)
