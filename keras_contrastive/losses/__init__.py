"""The equations: one file a family, a pure function and a thin Keras loss each."""

from keras_contrastive.losses.nt_xent import NTXent, nt_xent

__all__ = ["NTXent", "nt_xent"]
