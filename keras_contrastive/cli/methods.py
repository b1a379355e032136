"""What each method takes on the command line, and how its model is made of it."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_contrastive import augment, encoders, models, optimizers

Arguments = dict[str, Any]


def _as_given(arguments: Arguments, images: int, steps: int) -> Arguments:
    return arguments


def _without_labels(arguments: Mapping[str, Any]) -> bool:
    return False


@dataclasses.dataclass(frozen=True)
class Method:
    """A method of the command line.

    Attributes:
        model: Its class in `kc.models`.
        summary: One line.
        arguments: The arguments that it takes, each of them a flag, with the paper's
            values.
        prepare: Turns the values of these flags, the number of images and the number
            of steps into arguments of the class.
        uses_labels: Whether it learns from labels, given its arguments.
        pairs: Whether it compares two views of an image, and does not look at one.
        build: Makes the model of the trunk, the prepared arguments and the seed, where
            the class takes something else than a trunk and an augmentation.
    """

    model: str
    summary: str
    arguments: Mapping[str, Any]
    prepare: Callable[[Arguments, int, int], Arguments] = _as_given
    uses_labels: Callable[[Mapping[str, Any]], bool] = _without_labels
    pairs: bool = True
    build: Callable[[keras.Model, Arguments, int], keras.Model] | None = None

    def make(
        self,
        encoder: keras.Model,
        augment: keras.layers.Layer | None,
        arguments: Mapping[str, Any],
        images: int,
        steps: int,
        seed: int,
    ) -> keras.Model:
        """Returns the model, not compiled yet.

        Args:
            encoder: The trunk.
            augment: Makes the views on the device; None expects ready ones.
            arguments: Values of the flags that the method takes.
            images: Number of images that are trained on.
            steps: Steps of the whole run.
            seed: Of the views.
        """
        prepared = self.prepare(dict(arguments), images, steps)
        # What is None is left to the class.
        given = {name: x for name, x in prepared.items() if x is not None}
        if self.build is not None:
            return self.build(encoder, given, seed)
        kind = getattr(models, self.model)
        return kind(encoder=encoder, augment=augment, seed=seed, **given)


def _with_momentum(arguments: Arguments, images: int, steps: int) -> Arguments:
    if arguments.pop("momentum_schedule") == "cosine":
        start = arguments["momentum"]
        arguments["momentum"] = optimizers.CosineMomentum(start, steps)
    return arguments


def _with_bank(arguments: Arguments, images: int, steps: int) -> Arguments:
    # A flag called --h would read like a cry for help.
    arguments["h"] = arguments.pop("nce")
    return {"dataset_size": images, **arguments}


def _autoencoder(encoder: keras.Model, arguments: Arguments, seed: int) -> keras.Model:
    """Returns a denoising autoencoder with a decoder that suits the trunk."""
    convolutions = any(
        isinstance(layer, keras.layers.Conv2D) for layer in encoder._flatten_layers()
    )
    kind = "convnet" if convolutions else "mlp"
    shape = encoder.input_shape[1:]
    decoder = encoders.create_decoder(kind, encoder.output_shape[-1], shape)
    corruption = CORRUPTIONS[arguments["corruption"]](
        arguments["corruption_rate"], arguments.get("patch_size")
    )
    return models.DenoisingAutoencoder(
        encoder, decoder, corruption, arguments["reconstruction"], seed=seed
    )


# Looked up when they are called: importing keras-cv takes seconds.
CORRUPTIONS: dict[str, Callable[[float, int | None], keras.layers.Layer]] = {
    "noise": lambda rate, patch_size: augment.GaussianNoise(rate),
    "masking": lambda rate, patch_size: augment.Masking(rate, patch_size),
    "salt_and_pepper": lambda rate, patch_size: augment.SaltAndPepper(rate),
}
_IN_BATCH = {
    "projection_dim": 128,
    "projection_layers": 2,
    "hidden_dim": None,
    "temperature": 0.1,
    "block_size": None,
    "chunk_size": None,
}
METHODS = {
    # https://arxiv.org/abs/2002.05709
    "simclr": Method(
        "SimCLR", "two views attract, the rest of the batch repels", _IN_BATCH
    ),
    # https://arxiv.org/abs/2110.06848
    "dcl": Method("DCL", "SimCLR without the positive in the denominator", _IN_BATCH),
    # https://arxiv.org/abs/2004.11362
    "supcon": Method(
        "SupCon",
        "images of one class attract; learns from labels",
        _IN_BATCH,
        uses_labels=lambda arguments: True,
    ),
    # v2: https://arxiv.org/abs/2003.04297
    "moco": Method(
        "MoCo",
        "a queue of a momentum encoder's keys repels (v1 and v2 by recipe)",
        {
            "projection_dim": 128,
            "projection_layers": 2,
            "hidden_dim": None,
            "temperature": 0.2,
            "queue_size": 65536,
            "momentum": 0.999,
            "momentum_schedule": "fixed",
            "batch_norm_groups": 8,
            "symmetric": False,
        },
        _with_momentum,
    ),
    # https://arxiv.org/abs/2104.02057
    "moco_v3": Method(
        "MoCoV3",
        "a momentum encoder's keys of the batch, with a predictor",
        {
            "projection_dim": 256,
            "hidden_dim": 4096,
            "temperature": 1.0,
            "momentum": 0.99,
            "momentum_schedule": "cosine",
            "chunk_size": None,
        },
        _with_momentum,
    ),
    # https://arxiv.org/abs/2104.14548
    "nnclr": Method(
        "NNCLR",
        "an image's nearest neighbour in a queue is its positive",
        {
            "projection_dim": 256,
            "hidden_dim": 2048,
            "prediction_dim": 4096,
            "temperature": 0.1,
            "queue_size": 98304,
        },
    ),
    # https://arxiv.org/abs/1912.01991
    "pirl": Method(
        "PIRL",
        "an image and its jigsaw or rotation, against a memory bank",
        {
            "transform": "jigsaw",
            "negatives": 32000,
            "projection_dim": 128,
            "temperature": 0.07,
            "weight": 0.5,
            "momentum": 0.5,
            "nce": "softmax",
        },
        _with_bank,
    ),
    # Hadsell et al. 2006, "Dimensionality Reduction by Learning an Invariant Mapping";
    # triplets: https://arxiv.org/abs/1503.03832
    "siamese": Method(
        "Siamese",
        "pairs or triplets with a margin, of views or of labels",
        {
            "loss": "margin",
            "pairs": "views",
            "distance": "cosine",
            "margin": None,
            "mining": "semi_hard",
            "projection_dim": None,
        },
        uses_labels=lambda arguments: arguments["pairs"] == "labels",
    ),
    # Vincent et al. 2008, "Extracting and Composing Robust Features with Denoising
    # Autoencoders".
    "dae": Method(
        "DenoisingAutoencoder",
        "damaged images are mended (denoising autoencoder); also on toys",
        {
            "corruption": "masking",
            "corruption_rate": 0.25,
            "patch_size": None,
            "reconstruction": "squared_error",
        },
        pairs=False,
        build=_autoencoder,
    ),
}


def takers(argument: str) -> list[str]:
    """Returns the methods that take an argument."""
    return [name for name, x in METHODS.items() if argument in x.arguments]


def uses_labels(method: str, arguments: Mapping[str, Any]) -> bool:
    """Whether a method with these arguments learns from labels."""
    return METHODS[method].uses_labels(arguments)
