"""The equations: one file a family, a pure function and a thin Keras loss each."""

from keras_contrastive.losses.npid_nce import NPIDNCE, npid_nce
from keras_contrastive.losses.nt_xent import NTXent, nt_xent
from keras_contrastive.losses.pirl_nce import PIRLNCE, pirl_nce

__all__ = ["NPIDNCE", "PIRLNCE", "NTXent", "npid_nce", "nt_xent", "pirl_nce"]
