"""What is likely to have collapsed a representation, by what was measured."""

from typing import Any

import keras
import numpy as np

from keras_contrastive.callbacks.evidence import Evidence

_NO_LOSS = 0.01
_HIGH_TEMPERATURE = 1.0
_FROZEN = 0.1


def likely(causes: list[str]) -> str:
    """Returns causes as a sentence."""
    return f"Likely: {'; or '.join(causes)}."


def causes_of_a_point(evidence: Evidence) -> list[str]:
    """Returns what may have mapped all images to one point."""
    if evidence.alike:
        return ["the images that are measured are all alike; give it different ones"]
    if evidence.before.finite and evidence.before.one_point:
        return [
            "the start, not the training, for it was so before: a last layer of "
            "zeros, dead ReLUs, or pixels of another scale than the trunk expects"
        ]
    loss = evidence.log("loss")
    causes = []
    if loss is not None and loss < _NO_LOSS:
        causes.append(
            f"no negatives (one kind or one image a batch) or no stop-gradient on the "
            f"target, for a loss of {loss:.1g} says that nothing pushes apart"
        )
    else:
        causes += _temperature(evidence) + _rate(evidence)
        if loss is not None:
            causes[-1] += f" (a loss of {loss:.2g} still pushes, in vain)"
    return causes + _momentum(evidence)


def causes_of_a_line(evidence: Evidence) -> list[str]:
    """Returns what may have left the images few directions to differ in."""
    before = evidence.before
    causes = []
    if before.finite and before.flat:
        causes.append(
            "the start, not the training, for it was so before: a trunk that narrows "
            "to a few units, or images that hardly differ"
        )
    constant = int(np.sum(np.ptp(evidence.now.features, axis=0) == 0))
    if constant:
        causes.append(f"dead ReLUs, for {constant} features are the same in all images")
    if getattr(evidence.model, "projection_dim", 0) is None:
        causes.append("no projection head, so that the loss shapes the features itself")
    if not causes:
        causes = [
            "an augmentation so strong that little else is left in common",
            "weight decay that is too high",
            *_temperature(evidence),
            *_rate(evidence),
        ]
    return causes + _momentum(evidence)


def _temperature(evidence: Evidence) -> list[str]:
    """Named where it is as high as the similarities themselves, or higher."""
    temperature = getattr(evidence.model, "temperature", None)
    if not isinstance(temperature, int | float) or temperature < _HIGH_TEMPERATURE:
        return []
    return [f"a temperature, {temperature:g}, at which all negatives push alike"]


def _rate(evidence: Evidence) -> list[str]:
    rate = getattr(getattr(evidence.model, "optimizer", None), "learning_rate", None)
    if rate is None:
        return ["a learning rate that is too high"]
    rate = float(keras.ops.convert_to_numpy(rate))
    return [f"a learning rate, now {rate:.2g}, that is too high"]


def _momentum(evidence: Evidence) -> list[str]:
    """Named where the momentum target has hardly left its start."""
    momentum = getattr(evidence.model, "momentum", None)
    step = getattr(evidence.model, "step", None)
    if not isinstance(momentum, float) or step is None:
        return []
    moved = 1 - momentum ** int(keras.ops.convert_to_numpy(step))
    if moved >= _FROZEN:
        return []
    return [
        f"a frozen momentum target, of which a momentum of {momentum:g} has renewed "
        f"{moved:.1%} so far"
    ]


def not_finite(evidence: Evidence) -> str:
    """Returns where the numbers broke, and why."""
    weights = getattr(evidence.model, "weights", [])
    broken = [w.path for w in weights if not _finite(w)]
    if broken:
        return (
            f"Nor are {len(broken)} of {len(weights)} weights finite, the first of "
            f"them {broken[0]}. "
            f"{likely([*_rate(evidence), 'an overflow in the loss'])}"
        )
    return (
        "The weights are finite. Likely: an overflow in the trunk, computed in "
        f"{getattr(evidence.model, 'compute_dtype', 'float32')}."
    )


def weak(evidence: Evidence) -> str:
    """Returns why two views may be as near as one."""
    words = (
        "The augmentation is the identity: both views have the same pixels."
        if evidence.same_pixels
        else "Likely: the augmentation is too weak."
    )
    seen = [
        f"{name.replace('_', ' ')} {evidence.log(name):.2g}"
        for name in ("loss", "contrastive_accuracy")
        if evidence.log(name) is not None
    ]
    return f"{words} Training reports: {', '.join(seen)}." if seen else words


def _finite(weight: Any) -> bool:
    values = keras.ops.convert_to_numpy(weight)
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())
