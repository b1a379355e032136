"""The equations: one file a family, a pure function and a thin Keras loss each."""

from keras_contrastive.losses.margin_contrastive import (
    MarginContrastive,
    in_batch_margin_contrastive,
    margin_contrastive,
)
from keras_contrastive.losses.nt_xent import NTXent, nt_xent
from keras_contrastive.losses.triplet import Triplet, triplet

__all__ = [
    "MarginContrastive",
    "NTXent",
    "Triplet",
    "in_batch_margin_contrastive",
    "margin_contrastive",
    "nt_xent",
    "triplet",
]
