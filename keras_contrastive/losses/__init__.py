"""The equations: one file a family, a pure function and a thin Keras loss each."""

from keras_contrastive.losses.info_nce import InfoNCE, info_nce
from keras_contrastive.losses.nt_xent import NTXent, nt_xent

__all__ = ["InfoNCE", "NTXent", "info_nce", "nt_xent"]
