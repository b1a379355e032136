"""The gradient of a convolution's kernel: as a convolution, and as a product.

    python examples/benchmarks/kernel_gradients.py --dtype bfloat16

Milliseconds for the convolutions of the zoo's trunks: the forward pass, and the
kernel's gradient by TensorFlow and by `kc.encoders.Conv2D(kernel_gradient="product")`.
"auto" is what the layer takes by itself. The three take turns.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf
from turns import head, row, spread, take_turns

import keras_contrastive as kc

# Net -> images, and its kinds of convolutions: side of the input, channels, filters,
# stride. All kernels are 3x3.
NETS = {
    "convnet, 32 px": (512, [(16, 32, 64, 2), (8, 64, 128, 2), (4, 128, 256, 2)]),
    "convnet, 96 px": (512, [(48, 32, 64, 2), (24, 64, 128, 2), (12, 128, 256, 2)]),
    "ResNet-18, 32 px": (
        128,
        [
            (32, 64, 64, 1),
            (32, 64, 128, 2),
            (16, 128, 128, 1),
            (16, 128, 256, 2),
            (8, 256, 256, 1),
            (8, 256, 512, 2),
            (4, 512, 512, 1),
        ],
    ),
    "ResNet-50, 224 px": (
        64,
        [
            (56, 64, 64, 1),
            (56, 128, 128, 2),
            (28, 128, 128, 1),
            (28, 256, 256, 2),
            (14, 256, 256, 1),
            (14, 512, 512, 2),
            (7, 512, 512, 1),
        ],
    ),
}
SIDES = ("forward", "convolution", "product")


def sides_of(images, side, channels, filters, stride, dtype):
    """Returns name -> function that runs once and returns milliseconds, and "auto"."""
    x = tf.cast(tf.random.normal([images, side, side, channels]), dtype)
    options = {"strides": stride, "padding": "same", "use_bias": False}
    layers = {
        kind: kc.encoders.Conv2D(filters, 3, kind, dtype=dtype, **options)
        for kind in ("convolution", "product", "auto")
    }
    for layer in layers.values():
        layer.build(x.shape)
    y = layers["auto"](x)
    dy = tf.cast(tf.random.normal(y.shape), dtype)

    def gradient(layer):
        with tf.GradientTape() as tape:
            outputs = layer(x)
        return tape.gradient(outputs, layer.kernel.value, output_gradients=dy)

    functions = {
        "forward": tf.function(lambda: layers["convolution"](x)),
        "convolution": tf.function(lambda: gradient(layers["convolution"])),
        "product": tf.function(lambda: gradient(layers["product"])),
    }
    traced = tf.function(lambda: gradient(layers["auto"])).get_concrete_function()
    kinds = {operation.type for operation in traced.graph.get_operations()}
    auto = "convolution" if "Conv2DBackpropFilter" in kinds else "product"

    def timed(function):
        def run():
            start = time.perf_counter()
            function().numpy()
            return 1e3 * (time.perf_counter() - start)

        run()
        return run

    return {name: timed(function) for name, function in functions.items()}, auto


def main(arguments=None):
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dtype", default="bfloat16", choices=("bfloat16", "float32"))
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--images", type=int, help="instead of each net's own")
    args = parser.parse_args(arguments)
    columns = [f"{name}, ms" for name in SIDES]
    print(head("net", "convolution", *columns, "ratio", "auto", texts=2))
    for net, (images, convolutions) in NETS.items():
        for side, channels, filters, stride in convolutions:
            images = args.images or images
            sides, auto = sides_of(images, side, channels, filters, stride, args.dtype)
            taken = take_turns(sides, args.turns)
            cell = f"{side} px, {channels} to {filters}, stride {stride}"
            cells = [spread(taken[name], ".1f") for name in SIDES]
            ratio = spread(taken["convolution"] / taken["product"], ".2f")
            print(row(net, cell, *cells, ratio, auto), flush=True)


if __name__ == "__main__":
    main()
