"""What comes of a walk: its end, or all of it."""

from typing import NamedTuple

import tensorflow as tf


class Walk(NamedTuple):
    """Where chains have come to.

    Attributes:
        points: `(batch, ...)`.
        acceptance: Share of the proposals that were accepted, a float32 scalar; 1 for
            samplers that propose nothing.
    """

    points: tf.Tensor
    acceptance: tf.Tensor


class Chain(NamedTuple):
    """What chains passed on their way.

    Attributes:
        samples: Points, `(records, batch, ...)`.
        energies: Their energies, `(records, batch)`.
        acceptance: Share of each step's proposals that were accepted, `(steps,)`
            float32; 1 for samplers that propose nothing.
    """

    samples: tf.Tensor
    energies: tf.Tensor
    acceptance: tf.Tensor
