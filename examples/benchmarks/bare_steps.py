"""The bare train step of SimCLR and MoCo beside the same step in PyTorch.

    python examples/benchmarks/bare_steps.py --peer_python PYTHON

Images a second of forward pass, loss, backward pass and SGD with momentum, on views
that are ready in memory: the small net at batch 256, ResNet-18 with the CIFAR stem at
batch 64, in float32 and bfloat16. The peer, `peers/torch_steps.py`, has the same nets
(the number of parameters is compared), as they are, channels last and compiled. Beside
both, the step written by hand in TensorFlow around the same Keras layers: what a
method's `train_step` may not be much slower than.

All sides take turns. A ratio is the median of the turns' ratios, with the lowest and
the highest. "Fastest" is the setting of the highest median.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pathlib

import keras
import numpy as np
import tensorflow as tf
from turns import Peer, head, row, spread, take_turns

import keras_contrastive as kc

HERE = pathlib.Path(__file__).parent
# Net -> images in a batch, steps of a turn.
NETS = {"convnet": (256, 6), "resnet18": (64, 1)}
METHODS = ("simclr", "moco")
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
OURS, HAND, TORCH = "keras_contrastive", "hand-written TensorFlow", "PyTorch"
QUEUE, KEY_MOMENTUM = 4096, 0.99
RATE, MOMENTUM, WEIGHT_DECAY = 0.06, 0.9, 5e-4
TEMPERATURES = {"simclr": 0.5, "moco": 0.2}


def make_model(net, method, precision):
    """Returns the method's model, compiled."""
    keras.config.set_dtype_policy(PRECISIONS[precision])
    encoder = kc.encoders.create(net, (32, 32, 3))
    temperature = TEMPERATURES[method]
    if method == "simclr":
        model = kc.models.SimCLR(
            encoder, temperature=temperature, hidden_dim=256, seed=0
        )
    else:
        model = kc.models.MoCo(
            encoder,
            queue_size=QUEUE,
            momentum=KEY_MOMENTUM,
            temperature=temperature,
            batch_norm_groups=1,
            seed=0,
        )
    model.compile(kc.optimizers.SGD(RATE, MOMENTUM, weight_decay=WEIGHT_DECAY))
    keras.config.set_dtype_policy("float32")
    return model


def library_step(model, batch):
    """Returns a function that does one step of `fit` and returns its loss."""
    data = tf.data.Dataset.from_tensors(batch).repeat()
    model.fit(data, steps_per_epoch=1, verbose=0)
    batches = iter(data)
    return lambda: model.train_function(batches)["loss"]


def momentum_sgd(variables):
    """Returns a function of the gradients that takes a step by hand."""
    moments = [tf.Variable(tf.zeros(v.shape)) for v in variables]

    def descend(gradients):
        for v, moment, gradient in zip(variables, moments, gradients, strict=True):
            moment.assign(MOMENTUM * moment + gradient + WEIGHT_DECAY * v.value)
            v.value.assign_sub(RATE * moment)

    return descend


def hand_written_step(model, views, method):
    """Returns a function that does the same step without the library's models."""
    nets, temperature = (model.encoder, model.projection), TEMPERATURES[method]
    keys = [keras.models.clone_model(net) for net in nets]
    variables = [v for net in nets for v in net.trainable_variables]
    followers = [v for net in keys for v in net.trainable_variables]
    descend = momentum_sgd(variables)
    dim, batch = model.projection.output_shape[-1], len(views[0])
    queue, start = tf.Variable(tf.random.normal([QUEUE, dim])), tf.Variable(0)

    def embed(nets, x):
        for net in nets:
            x = net(x, training=True)
        return tf.math.l2_normalize(tf.cast(x, tf.float32), 1)

    def simclr():
        z = embed(nets, tf.concat(views, 0))
        logits = tf.matmul(z, z, transpose_b=True) / temperature
        logits = tf.linalg.set_diag(logits, tf.fill([2 * batch], -1e9))
        return logits, tf.roll(tf.range(2 * batch), batch, 0)

    def moco(key):
        query = embed(nets, views[0])
        positive = tf.reduce_sum(query * key, 1, keepdims=True)
        negatives = tf.matmul(query, queue, transpose_b=True)
        logits = tf.concat([positive, negatives], 1) / temperature
        return logits, tf.zeros([batch], tf.int32)

    @tf.function(autograph=False)
    def step():
        key = embed(keys, views[1]) if method == "moco" else None
        with tf.GradientTape() as tape:
            logits, labels = simclr() if key is None else moco(key)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        descend(tape.gradient(loss, [v.value for v in variables]))
        if key is not None:
            for v, follower in zip(variables, followers, strict=True):
                kept = KEY_MOMENTUM * follower.value
                follower.value.assign(kept + (1 - KEY_MOMENTUM) * v.value)
            rows = (start + tf.range(batch)) % QUEUE
            queue.scatter_update(tf.IndexedSlices(key, rows))
            start.assign((start + batch) % QUEUE)
        return loss

    return step


def rate_of(step, batch, steps):
    """Returns a function that does some steps and returns images a second."""

    def run():
        start = time.perf_counter()
        for _ in range(steps):
            loss = step().numpy()
        if not np.isfinite(loss):
            raise FloatingPointError(f"The loss of a step must be finite: {loss}.")
        return steps * batch / (time.perf_counter() - start)

    return run


def sides_of(net, method, batch, steps, peer):
    """Returns (library, precision, variant) -> a function that runs a turn."""
    views = tuple(tf.random.uniform([batch, 32, 32, 3]) for _ in range(2))
    sides = {}
    for precision in PRECISIONS:
        model = make_model(net, method, precision)
        nets = model.encoder, model.projection
        count = sum(int(np.prod(v.shape)) for n in nets for v in n.trainable_variables)
        ours = library_step(model, {"views": views})
        hand = hand_written_step(make_model(net, method, precision), views, method)
        sides[OURS, precision, ""] = rate_of(ours, batch, steps)
        sides[HAND, precision, ""] = rate_of(hand, batch, steps)
        hand()
    if peer is None:
        return sides
    made = peer.ask({"make": [net, method, batch]})
    if made["parameters"] != count:
        raise ValueError(
            f"The two sides must have as many parameters. Received: {count} and "
            f"{made['parameters']}"
        )
    for setting, error in made["errors"].items():
        print(f"PyTorch, {setting}, left out: {error}\n", flush=True)
    for setting in made["settings"]:
        precision, _, variant = setting.partition(", ")

        def run(setting=setting):
            seconds = peer.ask({"run": setting, "steps": steps})["seconds"]
            return steps * batch / seconds

        sides[TORCH, precision, variant] = run
    return sides


def pairings(rates):
    """Returns pairing -> ratios, a turn each."""

    def fastest(library, *precisions):
        keys = [k for k in rates if k[0] == library and k[1] in precisions]
        return max(keys, key=lambda k: np.median(rates[k]), default=None)

    pairs = []
    for precision in PRECISIONS:
        ours = OURS, precision, ""
        pairs.append((ours, (HAND, precision, "")))
        pairs.append((ours, (TORCH, precision, "")))
        pairs.append((ours, fastest(TORCH, precision)))
    pairs.append((fastest(OURS, *PRECISIONS), fastest(TORCH, *PRECISIONS)))
    return {
        f"{ours[1]} to {label(peer)}": rates[ours] / rates[peer]
        for ours, peer in pairs
        if peer in rates
    }


def label(side):
    """Returns a side's name."""
    return ", ".join(filter(None, side))


def main(arguments=None):
    """Prints a table of the rates and one of the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer_python", help="python of the peer's environment")
    parser.add_argument("--nets", default=",".join(NETS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--batch_size", type=int, help="instead of each net's own")
    parser.add_argument("--no_compile", action="store_true", help="of the peer")
    args = parser.parse_args(arguments)
    peer = None
    if args.peer_python:
        command = [args.peer_python, str(HERE / "peers" / "torch_steps.py")]
        peer = Peer(command + ["--no_compile"] * args.no_compile)
        print(f"PyTorch {peer.settings['torch']}, {peer.settings['threads']} threads\n")
    speeds = [head("net, method", "side", "images/s", texts=2)]
    ratios = [head("net, method", "keras_contrastive", "ratio", texts=2)]
    for net in args.nets.split(","):
        batch, steps = NETS[net]
        batch = args.batch_size or batch
        for method in args.methods.split(","):
            keras.backend.clear_session()
            sides = sides_of(net, method, batch, steps, peer)
            rates = take_turns(sides, args.turns)
            cell = f"{net}, {method}"
            speeds += [row(cell, label(x), spread(rates[x], ",.1f")) for x in rates]
            for name, values in pairings(rates).items():
                ratios.append(row(cell, name, spread(values, ".2f")))
    print("\n".join([*speeds, "", *ratios]), flush=True)
    if peer:
        peer.close()


if __name__ == "__main__":
    main()
