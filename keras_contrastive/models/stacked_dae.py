"""Stacked denoising autoencoders: a net pretrained layer by layer, then fine-tuned."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive.models.denoising_autoencoder import DenoisingAutoencoder

_FEATURES_BATCH = 1000
History = dict[str, list[float]]


class StackedDAE(NamedTuple):
    """What `stacked_dae` returns.

    Attributes:
        encoder: The stack, flat points to the features of its last layer, fine-tuned
            as part of the classifier.
        classifier: The stack with a softmax on top.
        pretraining: The history of each layer's denoising, from the lowest.
        fine_tuning: The classifier's history.
    """

    encoder: keras.Model
    classifier: keras.Model
    pretraining: list[History]
    fine_tuning: History


def stacked_dae(
    x: Any,
    labels: Any,
    corruptions: Sequence[keras.layers.Layer],
    units: Sequence[int] = (1000, 1000, 1000),
    epochs: int = 15,
    learning_rate: float = 0.1,
    fine_tune_epochs: int = 30,
    fine_tune_learning_rate: float = 0.1,
    validation: tuple[Any, Any] | None = None,
    **options: Any,
) -> StackedDAE:
    """Pretrains dense layers one on top of the other, and fine-tunes them all.

        masks = [kc.augment.Masking(rate) for rate in (0.1, 0.2, 0.3)]
        stack = kc.models.stacked_dae(images, labels, masks)

    `pretrain_stack` and then `fine_tune_stack`; use the two where only some of the
    points have labels. Source: Vincent et al. 2010, "Stacked Denoising Autoencoders".

    Args:
        x: Points, `(n, ...)`.
        labels: Classes from 0, `(n,)` integers.
        corruptions: A layer's each.
        units: Width of each layer.
        epochs: Of each layer's pretraining; 0 leaves the layers as they begin.
        learning_rate: Of the pretraining's SGD.
        fine_tune_epochs: Of the whole.
        fine_tune_learning_rate: Of its SGD.
        validation: Points and labels that the best epoch of the fine-tuning is chosen
            by; None takes the last.
        **options: `activation` and `loss` of `pretrain_stack`; `momentum`,
            `batch_size`, `seed` and `verbose` of both.

    Returns:
        The stack, its classifier, and what they went through.

    Raises:
        ValueError: As of the two.
    """
    x, labels = checked(x, labels)
    encoder, pretraining = pretrain_stack(
        x, corruptions, units, epochs=epochs, learning_rate=learning_rate, **options
    )
    for own in ("activation", "loss"):
        options.pop(own, None)
    classifier, fine_tuning = fine_tune_stack(
        encoder,
        x,
        labels,
        fine_tune_epochs,
        fine_tune_learning_rate,
        validation=validation,
        **options,
    )
    return StackedDAE(encoder, classifier, pretraining, fine_tuning)


def pretrain_stack(
    x: Any,
    corruptions: Sequence[keras.layers.Layer],
    units: Sequence[int] = (1000, 1000, 1000),
    activation: str = "sigmoid",
    loss: str = "cross_entropy",
    epochs: int = 15,
    learning_rate: float = 0.1,
    momentum: float = 0.0,
    batch_size: int = 100,
    seed: int = 0,
    verbose: int = 0,
) -> tuple[keras.Model, list[History]]:
    """Pretrains dense layers greedily, each as a denoising autoencoder of tied weights.

    A layer mends what the layers below it make of the data; these stay as they are and
    see clean points.

    Args:
        x: Points, `(n, ...)`, in [0, 1] under the cross entropy; flattened.
        corruptions: A layer's each, such as `kc.augment.Masking(0.25)`.
        units: Width of each layer.
        activation: Of each layer; "sigmoid" under the cross entropy, as the features
            are what the next layer reconstructs.
        loss: Of the autoencoders, "cross_entropy" or "squared_error".
        epochs: Of each layer; 0 leaves the layers as they begin.
        learning_rate: Of SGD, on the sum of a point's errors.
        momentum: Of SGD.
        batch_size: Points a step.
        seed: Of the weights, the order and the corruptions.
        verbose: As of `keras.Model.fit`.

    Returns:
        The stack, `(batch, numbers of a point)` to `(batch, units[-1])`, and the
        history of each layer.

    Raises:
        ValueError: If there is not one corruption a layer, or the activation does not
            fit the loss.
    """
    x = flat_points("x", x)
    if len(corruptions) != len(units) or not units:
        raise ValueError(
            "`corruptions` must hold one layer for each of `units`. "
            f"Received: {len(corruptions)} for {len(units)}"
        )
    if loss == "cross_entropy" and activation != "sigmoid":
        raise ValueError(
            "`activation` must be 'sigmoid' for the cross entropy, which features in "
            f"[0, 1] alone have. Received: {activation!r}"
        )
    if not isinstance(epochs, int) or epochs < 0:
        raise ValueError(f"`epochs` must be an integer from 0. Received: {epochs!r}")
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Dense(width, activation, name=f"layer_{number}")
        for number, width in enumerate(units)
    ]
    stack = keras.Sequential([keras.Input([x.shape[1]]), *layers], name="stack")
    histories = []
    for number, layer in enumerate(layers if epochs else []):
        alone = keras.Sequential([keras.Input([x.shape[1]]), layer])
        model = DenoisingAutoencoder(
            alone, "tied", corruptions[number], loss, seed=seed + number
        )
        model.compile(keras.optimizers.SGD(learning_rate, momentum))
        fitted = model.fit(x, batch_size=batch_size, epochs=epochs, verbose=verbose)
        histories.append(fitted.history)
        x = _features(alone, x)
    return stack, histories


def fine_tune_stack(
    encoder: keras.Model,
    x: Any,
    labels: Any,
    epochs: int = 30,
    learning_rate: float = 0.1,
    momentum: float = 0.0,
    batch_size: int = 100,
    validation: tuple[Any, Any] | None = None,
    seed: int = 0,
    verbose: int = 0,
) -> tuple[keras.Model, History]:
    """Puts a softmax on a stack and trains the whole on labels, by SGD.

    Args:
        encoder: What `pretrain_stack` returned; trained in place.
        x: Points, `(n, ...)`; flattened.
        labels: Classes from 0, `(n,)` integers.
        epochs: Passes over the points.
        learning_rate: Of SGD.
        momentum: Of SGD.
        batch_size: Points a step.
        validation: Points and labels that the best epoch is chosen by; None takes the
            last.
        seed: Of the softmax's weights and the order.
        verbose: As of `keras.Model.fit`.

    Returns:
        The classifier, flat points to probabilities `(batch, classes)`, and its
        history.

    Raises:
        ValueError: If labels and points differ in number.
    """
    x, labels = checked(x, labels)
    keras.utils.set_random_seed(seed)
    head = keras.layers.Dense(int(labels.max()) + 1, "softmax", name="classes")
    classifier = keras.Sequential([encoder, head], name="classifier")
    classifier.compile(
        keras.optimizers.SGD(learning_rate, momentum),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    callbacks = []
    if validation is not None:
        validation = checked(*validation, name="validation")
        best = keras.callbacks.EarlyStopping(
            "val_accuracy", mode="max", patience=epochs, restore_best_weights=True
        )
        callbacks.append(best)
    fitted = classifier.fit(
        x,
        labels,
        batch_size=batch_size,
        epochs=epochs,
        validation_data=validation,
        callbacks=callbacks,
        verbose=verbose,
    )
    return classifier, fitted.history


def flat_points(name: str, x: Any) -> np.ndarray:
    """Returns points as rows of float32; uint8 images in [0, 1]."""
    x = np.asarray(x)
    if x.ndim < 2 or not len(x):
        raise ValueError(
            f"`{name}` must be at least one point, of shape (n, ...). "
            f"Received: shape {x.shape}"
        )
    scale = 255 if x.dtype == np.uint8 else 1
    return x.reshape(len(x), -1).astype(np.float32) / scale


def checked(x: Any, labels: Any, name: str = "x") -> tuple[np.ndarray, np.ndarray]:
    """Returns flat points and their labels."""
    x, labels = flat_points(name, x), np.asarray(labels)
    if labels.shape != (len(x),) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(
            f"`labels` must be {len(x)} integers from 0, one a point. "
            f"Received: shape {labels.shape} of {labels.dtype}"
        )
    return x, labels


def _features(layer: keras.Model, x: np.ndarray) -> np.ndarray:
    """Returns what a layer makes of clean points, as the next layer's data."""
    run = tf.function(lambda x: layer(x, training=False), reduce_retracing=True)
    starts = range(0, len(x), _FEATURES_BATCH)
    return np.concatenate([run(x[i : i + _FEATURES_BATCH]).numpy() for i in starts])
