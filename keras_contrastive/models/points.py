"""What an energy model takes in `fit`, brought to one form: a batch of points."""

import math
from typing import Any

import tensorflow as tf

from keras_contrastive.energies import Energy

_FORMS = (
    "`x` must hold points: a batch of them, (points, labels), or a dictionary with 'x' "
    "or 'image'."
)


def select_points(element: Any) -> tf.Tensor:
    """Returns the points of a batch, whatever form it came in.

    Args:
        element: `points`, `(points, labels)`, `{"x": points, ...}` or
            `{"image": points, ...}`, or what Keras makes of one of these.

    Raises:
        ValueError: If there are no points in the batch.
    """
    if isinstance(element, tuple | list) and element:
        element = element[0]
    if isinstance(element, dict):
        found = [element[name] for name in ("x", "image") if name in element]
        if not found:
            raise ValueError(f"{_FORMS} Received: a dictionary with {sorted(element)}")
        element = found[0]
    if getattr(element, "shape", None) is None:
        raise ValueError(f"{_FORMS} Received: {type(element).__name__}")
    return element


def shape_for(energy: Energy, shape: tf.TensorShape) -> tuple[int, ...] | None:
    """Returns the event shape that points are brought to, None for their own.

    Points of another shape but as many numbers, such as images for an RBM, fit.

    Args:
        energy: What takes them.
        shape: Of a batch.

    Raises:
        ValueError: If the points do not fit.
    """
    expected = energy.event_shape
    fits = shape.rank is None or shape.rank > 0
    if expected is not None and shape[1:].is_fully_defined():
        fits = fits and math.prod(shape[1:]) == math.prod(expected)
    if not fits:
        raise ValueError(
            f"`x` must be batches of points of shape {expected}, as the energy takes "
            f"them. Received: batches of shape {shape}"
        )
    return expected


def checked_points(energy: Energy, x: Any) -> tf.Tensor:
    """Returns points that the energy is defined on; stops at others.

    uint8 images become numbers in [0, 1] where the energy is over reals. What is
    computed from the points then waits for the check. Under XLA, which has no
    assertions, values are not checked.

    Args:
        energy: What takes them.
        x: `(batch, ...)`.

    Raises:
        ValueError: If their shape does not fit.
        tf.errors.InvalidArgumentError: When run on bits that are neither 0 nor 1, or
            on reals that are not finite.
    """
    x = tf.convert_to_tensor(x)
    event_shape = shape_for(energy, x.shape)
    raw = x
    x = tf.cast(x, energy.compute_dtype)
    if event_shape is not None:
        if not x.shape[1:].is_fully_defined():
            # Of a shape that differs from batch to batch.
            fits = tf.size(x) == tf.shape(x)[0] * math.prod(event_shape)
            words = f"`x` must be batches of points of shape {event_shape}. Received:"
            check = tf.debugging.Assert(fits, [words, "batches of shape", tf.shape(x)])
            with tf.control_dependencies([check] if check is not None else []):
                x = tf.identity(x)
        x = tf.reshape(x, [-1, *event_shape])
    if energy.domain == "bits":
        # A sum of numbers is faster than the search among booleans.
        holds = tf.reduce_sum(tf.abs(x * x - x)) == 0
        words = "`x` must hold bits, 0 and 1 alone (`kc.data.bits` draws them)."
    else:
        if raw.dtype == tf.uint8:
            x = x / 255
        holds = tf.reduce_all(tf.math.is_finite(x))
        words = "`x` must hold finite numbers."

    def stop() -> tf.Operation | None:
        found = ["Received: values from", tf.reduce_min(x), "to", tf.reduce_max(x)]
        return tf.raw_ops.Assert(condition=holds, data=[words, *found])

    # What the words say is looked for where they are said, not at each step.
    check = tf.cond(holds, tf.no_op, stop)
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(x)


def check_points(dataset: tf.data.Dataset, energy: Energy, replicas: int) -> None:
    """Stops early at a dataset that no step could run on.

    Args:
        dataset: Batches of points.
        energy: What takes them.
        replicas: Number of replicas that share each batch.

    Raises:
        ValueError: If the dataset is empty or not batched, the points do not fit, or
            several replicas cannot share each batch equally.
    """
    if int(dataset.cardinality()) == 0:
        raise ValueError("`x` must hold at least one batch. Received: an empty dataset")
    shape = dataset.element_spec.shape
    if shape.rank is None:
        return
    expected = energy.event_shape
    if shape.rank == 0 or (expected is not None and shape == tf.TensorShape(expected)):
        raise ValueError(
            "`x` must be a batched dataset: call `.batch(batch_size)` on single "
            f"points. Received: elements of shape {shape}"
        )
    shape_for(energy, shape)
    if replicas == 1:
        return
    if shape[0] is None:
        raise ValueError(
            f"`x` is shared by {replicas} replicas and must have full batches alone: "
            "batch it with `drop_remainder=True`. Received: batches of unknown size"
        )
    if shape[0] % replicas:
        raise ValueError(
            f"`x` must have a batch size that {replicas} replicas can share equally. "
            f"Received: {shape[0]}"
        )
