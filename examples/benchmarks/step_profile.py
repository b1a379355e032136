"""Where a SimCLR step's time goes, and how far it is from the machine's arithmetic.

    python examples/benchmarks/step_profile.py
    python examples/benchmarks/step_profile.py --encoder resnet18 --batch_size 64

Each part is timed as the difference between a function that ends after it and one that
ends before it; all of them take turns. FLOPs are counted by TensorFlow over the graph;
the ceiling is a product of two square matrices of 4,096 in the step's precision.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import keras_contrastive as kc


def flops(function, *args):
    """Returns the floating-point operations of a traced function's graph."""
    graph = function.get_concrete_function(*args).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options = tf.compat.v1.profiler.ProfileOptionBuilder(options)
    options = options.with_empty_output().build()
    return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops


def stages(model, views):
    """Returns name -> function, each the one before and a part more."""
    variables = model.trainable_variables
    images = tf.concat(views, 0)

    def trunk():
        return model.encoder(images, training=True)

    def head():
        return model.projection(trunk(), training=True)

    def loss():
        z1, z2 = tf.split(tf.math.l2_normalize(head(), 1), 2)
        return tf.reduce_mean(kc.losses.nt_xent(z1, z2, 0.5))

    def gradient():
        with tf.GradientTape() as tape:
            value = loss()
        return value, tape.gradient(value, variables)

    def whole():
        return model.train_step({"views": views})

    named = {
        "trunk, forward": trunk,
        "projection head": head,
        "loss": loss,
        "gradients": gradient,
        "optimizer, statistics and logs": whole,
    }
    return {name: tf.function(f) for name, f in named.items()}


def seconds(function):
    """Returns what one call takes."""
    start = time.perf_counter()
    tf.nest.map_structure(lambda x: x.numpy(), function())
    return time.perf_counter() - start


def main():
    """Prints the parts in Markdown, and the share of the ceiling."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="convnet")
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--policy", default="float32", help="mixed_bfloat16 and so on")
    args = parser.parse_args()
    keras.config.set_dtype_policy(args.policy)
    encoder = kc.encoders.create(args.encoder, (args.side, args.side, 3))
    model = kc.models.SimCLR(encoder, temperature=0.5, hidden_dim=256, seed=0)
    model.compile(kc.optimizers.SGD(0.06, momentum=0.9, weight_decay=5e-4))
    shape = [args.batch_size, args.side, args.side, 3]
    views = tuple(tf.random.uniform(shape) for _ in range(2))
    model.fit(tf.data.Dataset.from_tensors({"views": views}), verbose=0)
    parts = stages(model, views)
    precision = keras.config.dtype_policy().compute_dtype
    square = tf.cast(tf.random.normal([4096, 4096]), precision)
    parts["ceiling"] = tf.function(lambda: (square @ square)[0, 0])
    taken = {name: [] for name in parts}
    for turn in range(args.turns + 2):
        for name, part in parts.items():
            spent = seconds(part)
            if turn > 1:
                taken[name].append(spent)
    median = {name: float(np.median(times)) for name, times in taken.items()}
    ceiling = 2 * 4096**3 / median.pop("ceiling") / 1e9
    print("| part | ms | share |\n| --- | ---: | ---: |")
    whole, before = median["optimizer, statistics and logs"], 0.0
    for name, until in median.items():
        own, before = until - before, until
        print(f"| {name} | {1e3 * own:.1f} | {own / whole:.0%} |")
    speed = args.batch_size / whole
    print(f"| the whole step | {1e3 * whole:.1f} | {speed:,.0f} images/s |")
    operations = flops(parts["optimizer, statistics and logs"])
    reached = operations / whole / 1e9
    print(
        f"\n{operations / 1e9:.1f} GFLOP a step: {reached:.0f} GFLOP/s, "
        f"{reached / ceiling:.0%} of the {ceiling:.0f} of a product of matrices."
    )


if __name__ == "__main__":
    main()
