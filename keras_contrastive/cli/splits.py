"""Which images train, which watch the training, and which are held out to the end."""

import dataclasses

from keras_contrastive.data.load import Description


@dataclasses.dataclass(frozen=True)
class Splits:
    """tfds splits of a run.

    Attributes:
        train: What is trained on, without labels; its labels serve the evaluation.
        bank: Images whose labels vote while training is watched.
        queries: Images that they vote on: for choices, never the test images.
        test: Held out; read once, when training is over.
    """

    train: str
    bank: str
    queries: str
    test: str


# Their test images have labels that nobody outside knows.
_SECRET_TEST = ("imagenet2012",)


def choose(
    description: Description, train: str | None = None, labels: bool = False
) -> Splits:
    """Picks the splits of a dataset.

    Args:
        description: What the dataset holds.
        train: Split to train on; None takes "train", without a part of it where there
            is nothing else to hold out.
        labels: Whether training sees labels: unless told otherwise, it then leaves
            the images out that it is watched with.

    Raises:
        ValueError: If there is no split to train on, or none to hold out.
    """
    names = description.splits
    held_out = [name for name in ("test", "validation") if name in names]
    if description.name.split("/")[0].split(":")[0] in _SECRET_TEST:
        held_out = [name for name in held_out if name != "test"]
    if train is None and "train" not in names:
        raise ValueError(
            "`train_split` must name the split to train on: the dataset has no "
            f"'train'. Received: {description.name!r} with {sorted(names)}"
        )
    if "train" not in names:
        return Splits(train, held_out[-1], held_out[-1], held_out[0])
    if not held_out:
        bank = train or "train[:80%]"
        return Splits(bank, "train[:80%]", "train[80%:90%]", "train[90%:]")
    if len(held_out) == 2:
        return Splits(train or "train", "train", "validation", "test")
    unwatched = "train[:90%]" if labels else "train"
    return Splits(train or unwatched, "train[:90%]", "train[90%:]", held_out[0])
