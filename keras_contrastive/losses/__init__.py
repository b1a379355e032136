"""The equations: one file a family, a pure function and a thin Keras loss each."""

from keras_contrastive.losses.decoupled import DecoupledNTXent, decoupled_nt_xent
from keras_contrastive.losses.info_nce import InfoNCE, info_nce
from keras_contrastive.losses.margin_contrastive import (
    MarginContrastive,
    in_batch_margin_contrastive,
    margin_contrastive,
)
from keras_contrastive.losses.npid_nce import NPIDNCE, npid_nce
from keras_contrastive.losses.nt_xent import NTXent, nt_xent
from keras_contrastive.losses.pirl_nce import PIRLNCE, pirl_nce
from keras_contrastive.losses.sup_con import SupConLoss, sup_con
from keras_contrastive.losses.triplet import Triplet, triplet

__all__ = [
    "NPIDNCE",
    "PIRLNCE",
    "DecoupledNTXent",
    "InfoNCE",
    "MarginContrastive",
    "NTXent",
    "SupConLoss",
    "Triplet",
    "decoupled_nt_xent",
    "in_batch_margin_contrastive",
    "info_nce",
    "margin_contrastive",
    "npid_nce",
    "nt_xent",
    "pirl_nce",
    "sup_con",
    "triplet",
]
