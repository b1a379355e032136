"""Transfer: what features learnt on one dataset are worth on another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from .batches import examples
from .channels import with_channels
from .features import FeatureExtractor, stated_shape
from .few_labels import LabelEfficiency, label_efficiency


@dataclass(frozen=True)
class Transfer:
    """What `transfer` returns.

    Attributes:
        source: Name of what the trunk learnt from.
        target: Name of what its features were used on.
        image_shape: `(height, width, channels)` of the target's images; None for a
            size that varies.
        encoder_shape: What the trunk takes.
        efficiency: Accuracy on the target's test images, a result a budget of labels.
    """

    source: str
    target: str
    image_shape: tuple[int | None, int | None, int]
    encoder_shape: tuple[int, int, int]
    efficiency: list[LabelEfficiency]

    def __str__(self) -> str:
        """Returns a line that names both and says what became of the images."""
        done = []
        height, width, channels = self.encoder_shape
        if self.image_shape[:2] != (height, width):
            done.append(f"resized to {height} x {width}")
        if self.image_shape[2] != channels:
            done.append("grey as three channels" if channels == 3 else "turned grey")
        as_they_are = ", ".join(done) or "as they are"
        return (
            f"Transfer from {self.source} to {self.target}: trunk frozen, images "
            f"{as_they_are}"
        )


def transfer(
    encoder: keras.Layer,
    train: Any,
    test: Any,
    source: str,
    target: str,
    labels_per_class: Sequence[int | None] = (None,),
    draws: int = 5,
    seed: int = 0,
    k: int = 200,
    temperature: float = 0.1,
    batch_size: int = 256,
) -> Transfer:
    """Measures a frozen trunk on another dataset than the one that it learnt from.

    A nearest-neighbour vote and a linear probe on the features of clean images, in
    inference mode, as Kornblith et al. 2019 ("Do Better ImageNet Models Transfer
    Better?") and SimCLR's appendix B.8 do with the probe. The target's images are
    resized to what the trunk takes; grey ones are repeated to three channels for a
    trunk that takes colour, and coloured ones lose their colour for one that takes
    grey. The probe's penalty is chosen on a part of the training rows; the test images
    take no part in any choice. `fine_tune` is for the trunk that is trained as well.

    Args:
        encoder: A Keras layer or model, a reloaded SavedModel layer included, from
            images `(batch, height, width, channels)` to features `(batch, dim)`, that
            states its image shape.
        train: Labelled images of the target, as for `extract_features`.
        test: The same, held out.
        source: Name of what the trunk learnt from.
        target: Name of the dataset that it is used on.
        labels_per_class: Budgets, in which None stands for all labels.
        draws: Draws of the labels at each budget, at least 1.
        seed: Of the draws, not negative.
        k: Neighbours that vote.
        temperature: Of the vote, above 0.
        batch_size: Images a batch, for data that is not in batches yet.

    Returns:
        The accuracies, with the names of both datasets.

    Raises:
        TypeError: If `encoder` is not a Keras layer, or labels are not integers.
        ValueError: If the encoder does not state one square image shape, images have
            channels that cannot be made the trunk's, labels are missing; and as
            `extract_features` and `label_efficiency`.

    Example:
        >>> result = kc.evaluation.transfer(trunk, train, test, "cifar10", "mnist")
        >>> print(result, result.efficiency[0].linear_mean)
    """
    if not isinstance(encoder, keras.Layer):
        raise TypeError(
            "`encoder` must be a Keras layer or model. "
            f"Received: {type(encoder).__name__}"
        )
    shape = stated_shape(encoder)
    if shape is None or None in shape or shape[0] != shape[1]:
        raise ValueError(
            "`encoder` must state one shape of square images, as functional models and "
            f"reloaded encoders do. Received: {shape}"
        )
    extract = FeatureExtractor(encoder, batch_size, shape[0])
    sets = []
    for name, images in (("train", train), ("test", test)):
        features, labels = extract(with_channels(images, shape[2]))
        if labels is None:
            raise ValueError(
                f"`{name}` must have labels. Received: images without labels"
            )
        sets += [features, labels]
    found = label_efficiency(
        *sets, labels_per_class, draws, seed=seed, k=k, temperature=temperature
    )
    images = tuple(examples(train).element_spec["image"].shape[-3:])
    return Transfer(source, target, images, shape, found)
