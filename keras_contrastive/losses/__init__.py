"""The equations: one file a family, a pure function and a thin Keras loss each."""

from keras_contrastive.losses.decoupled import DecoupledNTXent, decoupled_nt_xent
from keras_contrastive.losses.info_nce import InfoNCE, info_nce
from keras_contrastive.losses.nt_xent import NTXent, nt_xent
from keras_contrastive.losses.sup_con import SupConLoss, sup_con

__all__ = [
    "DecoupledNTXent",
    "InfoNCE",
    "NTXent",
    "SupConLoss",
    "decoupled_nt_xent",
    "info_nce",
    "nt_xent",
    "sup_con",
]
