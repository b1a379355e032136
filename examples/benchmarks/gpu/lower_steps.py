"""Lowers the library's train steps to StableHLO, for a machine without TensorFlow.

Writes a folder a step: `step.mlir`, the whole `train_step` (views, forward pass, loss,
gradients, optimizer, key encoder, queue) as text; `step.json`, its arguments, outputs
and counted operations; `state.npz`, the small variables.

    python examples/benchmarks/gpu/lower_steps.py FOLDER
    python examples/benchmarks/gpu/lower_steps.py FOLDER --check --steps simclr_resnet18

`--check` lowers in float32 with a small batch, and writes down the losses that
TensorFlow itself has in a few steps on that batch.
"""

import argparse
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from stable_hlo import readable_text, updates, without_attributes
from step_settings import (
    KEY_MOMENTUM,
    MOMENTUM,
    PROJECTION_DIM,
    STEPS,
    TEMPERATURES,
    WEIGHT_DECAY,
    is_small,
    learning_rate,
)
from step_state import LARGE, drawn

import keras_contrastive as kc

SEED = 0
CHECK_BATCH, CHECK_STEPS = 32, 5


def make_model(step):
    """Returns the compiled model of one of the settings' steps."""
    size = step["size"]
    encoder = kc.encoders.create(
        step["encoder"], (size, size, 3), **step.get("options", {})
    )
    for layer in encoder.layers:
        if isinstance(layer, kc.encoders.Conv2D):
            # Lowered on a CPU, but for a GPU.
            layer.kernel_gradient = "convolution"
    if is_small(size):
        policy = kc.augment.simclr(size, strength=0.5, blur=False)
    elif step["method"] == "moco":
        policy = kc.augment.moco_v2(size)
    else:
        policy = kc.augment.simclr(size)
    shared = {
        "projection_dim": PROJECTION_DIM,
        "temperature": TEMPERATURES[step["method"]],
        "seed": SEED,
    }
    if step["method"] == "moco":
        model = kc.models.MoCo(
            encoder,
            policy,
            queue_size=step["queue"],
            momentum=KEY_MOMENTUM,
            batch_norm_groups=step["groups"],
            **shared,
        )
    else:
        model = kc.models.SimCLR(encoder, policy, **shared)
    optimizer = kc.optimizers.SGD(
        learning_rate(step["batch"]), MOMENTUM, weight_decay=WEIGHT_DECAY
    )
    model.compile(optimizer, jit_compile=True)
    return model


def draw_large(model):
    """Draws the model's large kernels anew.

    Returns:
        How, by the bytes of what came of it.
    """
    entries = {}
    for index, variable in enumerate(model.trainable_variables):
        value = variable.numpy()
        if value.size < LARGE or (value == value.flat[0]).all():
            continue
        entry = {"deviation": float(value.std()), "seed": [SEED, index]}
        variable.assign(drawn(entry, value.shape))
        entries[variable.numpy().tobytes()] = entry
    if hasattr(model, "key_encoder"):
        layers = (model.encoder, model.projection)
        for layer, copy in zip(layers, model.key_encoder.copies, strict=True):
            copy.set_weights(layer.get_weights())
    return entries


def describe(index, variable, drawn_entries):
    """Says how the variable behind an argument starts; its array where it is stored."""
    value = variable.numpy()
    entry = {
        "name": f"{index}:{variable.name}",
        "shape": list(value.shape),
        "dtype": value.dtype.name,
    }
    if (value == value.flat[0]).all():
        return {**entry, "constant": value.flat[0].item()}, None
    if value.tobytes() in drawn_entries:
        return {**entry, **drawn_entries[value.tobytes()]}, None
    return entry, value


def forward_operations(model):
    """Counts two operations a product of one image's forward pass, trunk and head."""
    total = 0
    for part in (model.encoder, model.projection):
        for layer in part.layers:
            if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
                kernel = layer.kernel.shape
                pixels = np.prod(layer.output.shape[1:-1], dtype=np.int64)
                total += 2 * int(pixels) * int(np.prod(kernel))
    return total


def step_operations(step, forward):
    """Operations of a train step for one image: a gradient costs two forward passes."""
    passes = 3 + 1 if step["method"] == "moco" else 2 * 3
    return passes * forward


def lower(step, folder):
    """Writes a step's folder; returns its model and what was written to `step.json`.

    Args:
        step: As in `step_settings.STEPS`.
        folder: Made anew.
    """
    folder.mkdir(parents=True)
    model = make_model(step)
    entries = draw_large(model)
    batch = {"image": tf.zeros([step["batch"], *[step["source"]] * 2, 3], tf.uint8)}
    compiled = tf.function(model.train_step, jit_compile=True)
    traced = compiled.get_concrete_function(batch)
    text = readable_text(compiled, batch)
    (folder / "step.mlir").write_text(without_attributes(text))

    images = batch["image"]
    arguments = [{"name": "image", "shape": list(images.shape), "dtype": "uint8"}]
    stored = {}
    owners = {id(variable.handle): variable for variable in traced.graph.variables}
    for index, handle in enumerate(traced.captured_inputs, start=1):
        entry, value = describe(index, owners[id(handle)], entries)
        arguments.append(entry)
        if value is not None:
            stored[entry["name"]] = value
    np.savez_compressed(folder / "state.npz", **stored)
    forward = forward_operations(model)
    description = {
        **step,
        "policy": keras.mixed_precision.global_policy().name,
        "arguments": arguments,
        # The order in which TensorFlow flattens a dictionary.
        "outputs": sorted(traced.structured_outputs),
        "updates": sorted(updates(text).items()),
        "forward_operations": forward,
        "operations_per_image": step_operations(step, forward),
        "tensorflow": tf.__version__,
    }
    (folder / "step.json").write_text(json.dumps(description, indent=1))
    return model, description


def losses_here(model, images, count):
    """Returns the losses of TensorFlow's own steps, which XLA has no part in."""
    model.jit_compile = False
    step = tf.function(model.train_step)
    losses = []
    for _ in range(count):
        model.loss_mean.reset_state()
        losses.append(float(step({"image": images})["loss"]))
    return losses


def check_images(batch, side):
    """Returns smooth images of which no two are alike, uint8."""
    numbers = np.random.default_rng(SEED).uniform(0, 255, [batch, 4, 4, 3])
    return tf.cast(tf.image.resize(numbers, [side, side]), tf.uint8).numpy()


def check(step, folder):
    """Lowers a small step in float32 and adds TensorFlow's own losses to its folder."""
    model, description = lower(step, folder)
    images = check_images(step["batch"], step["source"])
    description["expected"] = losses_here(model, images, CHECK_STEPS)
    np.save(folder / "images.npy", images)
    (folder / "step.json").write_text(json.dumps(description, indent=1))


def main(argv=None):
    """Lowers the steps that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--check", action="store_true", help="small, with losses")
    args = parser.parse_args(argv)
    for name in args.steps.split(","):
        if args.check:
            small = {"batch": CHECK_BATCH}
            check({**STEPS[name], **small}, args.folder / f"{name}_check")
        else:
            keras.mixed_precision.set_global_policy("mixed_bfloat16")
            lower(STEPS[name], args.folder / name)
        print(name, flush=True)


if __name__ == "__main__":
    main()
