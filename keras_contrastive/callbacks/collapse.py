"""A warning of a collapsed representation, with what is likely to have done it."""

from keras_contrastive.callbacks.causes import (
    causes_of_a_line,
    causes_of_a_point,
    likely,
    not_finite,
    weak,
)
from keras_contrastive.callbacks.evidence import (
    ALIGNMENT,
    DIRECTIONS,
    SPREAD,
    Evidence,
)


class CollapseWarning(UserWarning):
    """The representation is collapsing, or nothing is there to be learnt."""


def diagnose(evidence: Evidence) -> tuple[str, str] | None:
    """Returns the kind of collapse, and what to say of it; None if there is none.

    The gravest comes first and hides the others, which follow from it.
    """
    at, now = f"at epoch {evidence.epoch}", evidence.now
    if not now.finite:
        return "not finite", f"Non-finite features {at}. {not_finite(evidence)}"
    dim = now.features.shape[1]
    embedding = _embedding_spread(evidence)
    if now.one_point or (embedding is not None and embedding < SPREAD):
        seen = f"{now.spread:.2%} of it in the features"
        if embedding is not None:
            seen += f", {embedding:.2%} in the embeddings that the loss compares"
        return "complete", (
            f"Complete collapse {at}: all images map to one point. Of an even spread's "
            f"standard deviation, 1/sqrt(dim), there is {seen} (warned of below "
            f"{SPREAD:.0%}). {likely(causes_of_a_point(evidence))}"
        )
    if now.flat:
        return "dimensional", (
            f"Dimensional collapse {at}: the images differ in {now.directions:.1f} of "
            f"{dim} directions (effective rank about the mean; warned of below "
            f"{DIRECTIONS:.0f}). {likely(causes_of_a_line(evidence))}"
        )
    if evidence.first and now.views and max(_nearness(evidence)) < ALIGNMENT:
        return "alignment", (
            f"Nothing to learn {at}: two views of an image were as near as one from "
            f"the start, and are {now.nearness:.1g} of the squared distance of two "
            f"images apart (warned of below {ALIGNMENT:g}). {weak(evidence)}"
        )
    return None


def _nearness(evidence: Evidence) -> list[float]:
    """Of the views before training and now."""
    return [x.nearness for x in (evidence.before, evidence.now) if x.finite]


def _embedding_spread(evidence: Evidence) -> float | None:
    """Spread of what the loss compares, where the model reports it."""
    std, dim = evidence.log("embedding_std"), None
    if std is not None:
        dim = getattr(evidence.model, "projection_dim", None)
        dim = dim or getattr(evidence.model, "feature_dim", None)
    return std * dim**0.5 if dim else None
