"""The equations: one file a family, a pure function and a thin Keras loss each."""

from keras_contrastive.losses.decoupled import DecoupledNTXent, decoupled_nt_xent
from keras_contrastive.losses.nt_xent import NTXent, nt_xent
from keras_contrastive.losses.sup_con import SupConLoss, sup_con

__all__ = [
    "DecoupledNTXent",
    "NTXent",
    "SupConLoss",
    "decoupled_nt_xent",
    "nt_xent",
    "sup_con",
]
