"""The equations: one file a family, a pure function and a thin Keras loss each."""

from keras_contrastive.losses.contrast import contrast
from keras_contrastive.losses.decoupled import DecoupledNTXent, decoupled_nt_xent
from keras_contrastive.losses.denoising_score_matching import (
    denoising_score_matching,
)
from keras_contrastive.losses.info_nce import InfoNCE, info_nce
from keras_contrastive.losses.margin_contrastive import (
    MarginContrastive,
    in_batch_margin_contrastive,
    margin_contrastive,
)
from keras_contrastive.losses.minimum_probability_flow import (
    minimum_probability_flow,
)
from keras_contrastive.losses.noise_contrastive import log_ratio, noise_contrastive
from keras_contrastive.losses.npid_nce import NPIDNCE, npid_nce
from keras_contrastive.losses.nt_xent import NTXent, nt_xent
from keras_contrastive.losses.pirl_nce import PIRLNCE, pirl_nce
from keras_contrastive.losses.pseudo_likelihood import pseudo_likelihood
from keras_contrastive.losses.ratio_matching import ratio_matching
from keras_contrastive.losses.score_matching import score_matching
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
    "contrast",
    "decoupled_nt_xent",
    "denoising_score_matching",
    "in_batch_margin_contrastive",
    "info_nce",
    "log_ratio",
    "margin_contrastive",
    "minimum_probability_flow",
    "noise_contrastive",
    "npid_nce",
    "nt_xent",
    "pirl_nce",
    "pseudo_likelihood",
    "ratio_matching",
    "score_matching",
    "sup_con",
    "triplet",
]
