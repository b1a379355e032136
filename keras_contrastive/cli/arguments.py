"""The flags that some methods take and others do not."""

from typing import Any

from absl import flags

from keras_contrastive.cli.methods import METHODS, takers

_TRANSFORMS = ("jigsaw", "rotation")
# Kind: choices, or int or float with the least value, or bool, or str.
_FLAGS: dict[str, tuple[Any, str]] = {
    "temperature": ((float, 0), "Divides the similarities in the loss; above 0."),
    "projection_dim": ((int, 1), "Size of the embedding that the loss compares."),
    "projection_layers": ((int, 1), "Layers of the projection head: 1, 2 or 3."),
    "hidden_dim": (
        (int, 1),
        "Width of the head's hidden layers; by default the features' size.",
    ),
    "prediction_dim": ((int, 1), "Width of the predictor's hidden layer."),
    "queue_size": (
        (int, 1),
        "Embeddings in the queue, at least a batch of them. Less than the images, or "
        "an image meets its own old embedding; a default is cut down to half of them.",
    ),
    "momentum": (
        (float, 0),
        "Share that is kept at an update, below 1: of the key encoder, or of an entry "
        "of the memory bank. (The optimizer's own momentum is 0.9.)",
    ),
    "momentum_schedule": (
        ("fixed", "cosine"),
        "Whether the key encoder's momentum stays, or rises to 1 along a cosine.",
    ),
    "batch_norm_groups": (
        (int, 1),
        "Groups of the batch whose statistics are apart, in place of MoCo's shuffling "
        "over GPUs.",
    ),
    "symmetric": (bool, "Whether each view is a query once and a key once."),
    "transform": (_TRANSFORMS, "What an image is made to agree with."),
    "negatives": (
        str,
        "Entries drawn from the memory bank, or batch for the others of the batch "
        "alone; a default is cut down to half of the images.",
    ),
    "weight": (
        (float, 0),
        "Share, up to 1, of the transformed image in the loss; the rest is the image.",
    ),
    "nce": (
        ("softmax", "npid"),
        "Probability in the loss: over the negatives at hand, or with the constant "
        "normaliser of NPID.",
    ),
    "loss": (("margin", "triplet"), "What is pushed: pairs, or triplets."),
    "pairs": (("views", "labels"), "What makes a positive pair."),
    "distance": (("cosine", "l2"), "Of two embeddings."),
    "margin": ((float, 0), "How far negatives are pushed; by default what suits."),
    "mining": (
        ("semi_hard", "hard", "all"),
        "Which negatives of the batch a triplet takes.",
    ),
    "corruption": (
        ("masking", "noise", "salt_and_pepper"),
        "What damages images that are to be mended.",
    ),
    "corruption_rate": (
        (float, 0),
        "Share of pixels that are hidden or spiced, or the noise's deviation.",
    ),
    "patch_size": ((int, 1), "Side of the patches that are hidden as a whole."),
    "reconstruction": (
        ("squared_error", "cross_entropy"),
        "How far what was mended is from the image.",
    ),
    "block_size": (
        (int, 1),
        "Columns of the loss at a time: memory for very large batches; by default all "
        "at once.",
    ),
    "chunk_size": (
        (int, 1),
        "Images that are embedded at a time, with the gradient of the whole batch; by "
        "default all at once.",
    ),
}
NAMES = tuple(_FLAGS)


def define(values: flags.FlagValues) -> None:
    """Defines the flags; None leaves them to the recipe, and then to the method."""
    for name, (kind, words) in _FLAGS.items():
        words = f"{words} {_taken_by(name)}"
        if kind is bool:
            flags.DEFINE_boolean(name, None, words, flag_values=values)
        elif kind is str:
            flags.DEFINE_string(name, None, words, flag_values=values)
        elif kind[0] is int:
            flags.DEFINE_integer(name, None, words, kind[1], flag_values=values)
        elif kind[0] is float:
            flags.DEFINE_float(name, None, words, kind[1], flag_values=values)
        else:
            flags.DEFINE_enum(name, None, kind, words, flag_values=values)


def given_to(method: str, given: dict[str, Any]) -> dict[str, Any]:
    """Returns the method's arguments among the values of the flags.

    Args:
        method: Name of the method.
        given: Values of the flags by name, None where none was given.

    Raises:
        ValueError: If a flag was given that the method does not take, or a value is
            out of its range.
    """
    own = {name: given[name] for name in NAMES if given.get(name) is not None}
    for name, value in own.items():
        if name not in METHODS[method].arguments:
            others = takers(name)
            raise ValueError(
                f"`{name}` is taken by {' and '.join(others)} alone; {method} takes "
                f"{', '.join(METHODS[method].arguments)}. "
                f"Received: --{name}={value} with --method={method}"
            )
    if "negatives" in own:
        own["negatives"] = _negatives(own["negatives"])
    for name, fits, words in (
        ("temperature", lambda x: x > 0, "be above 0"),
        ("momentum", lambda x: x < 1, "be from 0 to below 1"),
        ("projection_layers", lambda x: x <= 3, "be 1, 2 or 3"),
        ("weight", lambda x: x <= 1, "be from 0 to 1"),
    ):
        if name in own and not fits(own[name]):
            raise ValueError(f"`{name}` must {words}. Received: {own[name]}")
    return own


def _negatives(text: str) -> int | str:
    if text == "batch":
        return text
    if not text.isdigit() or int(text) < 1:
        raise ValueError(
            f"`negatives` must be a positive number or batch. Received: {text}"
        )
    return int(text)


def _taken_by(name: str) -> str:
    """Says which methods take a flag, each with the paper's value."""
    each = []
    for method in takers(name):
        value = METHODS[method].arguments[name]
        each.append(method if value is None else f"{method} {str(value).lower()}")
    return f"[{', '.join(each)}]"
